"""Deleting and purging."""

from __future__ import annotations

from cnstra.persist.ports import Store
from cnstra.testing.building import (
    FAILED,
    FINAL,
    admitted,
    new_run,
    run_to_its_end,
)

__all__ = ["RemovalContract"]


class RemovalContract:
    """Deleting and purging."""

    async def test_a_deleted_run_is_gone_with_everything(self, store: Store) -> None:
        await run_to_its_end(store, "run")

        assert await store.delete("", "run", dead=())

        assert await store.get("", "run") is None
        assert await store.tasks("", "run") == []
        assert await store.attempts("", "run") == []
        assert await store.admit(new_run(), "worker") is not None
        assert await store.tasks("", "run") == []

    async def test_a_purge_takes_the_longest_ended(self, store: Store) -> None:
        for run_id in ("a", "b", "c", "d"):
            await run_to_its_end(store, run_id)

        assert await store.purge("", statuses=FINAL, older_than=-1, limit=3) == 3

        assert [run.stimulation_id for run in await store.list("")] == ["d"]

    async def test_a_purge_keeps_the_latest(self, store: Store) -> None:
        for run_id in ("a", "b", "c"):
            await run_to_its_end(store, run_id)

        assert await store.purge("", statuses=FINAL, older_than=-1, keep=2) == 1
        assert await store.purge("", statuses=FINAL, older_than=-1, keep=2) == 0

        assert [run.stimulation_id for run in await store.list("")] == ["c", "b"]

    async def test_a_purge_spares_the_young_the_open_and_other_statuses_and_scopes(self, store: Store) -> None:
        await run_to_its_end(store, "broken", ended=FAILED)
        await run_to_its_end(store, "done")
        await run_to_its_end(store, "elsewhere", scope="other")
        await admitted(store, new_run("busy"))

        assert await store.purge("", statuses=["completed"], older_than=60) == 0
        assert await store.purge("", statuses=["completed", "running"], older_than=-1) == 1

        assert [run.stimulation_id for run in await store.list("")] == ["busy", "broken"]
        assert len(await store.list("other")) == 1

    async def test_a_large_purge_stops_at_its_limit(self, store: Store) -> None:
        for n in range(120):
            await run_to_its_end(store, f"run-{n}")

        assert await store.purge("", statuses=FINAL, older_than=-1, limit=110) == 110
        assert await store.purge("", statuses=FINAL, older_than=-1, keep=3, limit=110) == 7
