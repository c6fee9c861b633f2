"""Lists of runs."""

from __future__ import annotations

import pytest

from cnstra.errors import StoreError
from cnstra.persist.ports import Store
from cnstra.persist.records import RunFilter
from cnstra.testing.building import (
    FAILED,
    admitted,
    new_run,
    run_to_its_end,
)

__all__ = ["ListContract"]


class ListContract:
    """Lists of runs."""

    async def test_runs_are_listed_newest_first_page_by_page(self, store: Store) -> None:
        for n in range(5):
            await admitted(store, new_run(f"run-{n}"))

        first = await store.list("", limit=2)
        second = await store.list("", limit=2, cursor=first.cursor)
        third = await store.list("", limit=2, cursor=second.cursor)

        pages = [[run.stimulation_id for run in page] for page in (first, second, third)]
        assert pages == [["run-4", "run-3"], ["run-2", "run-1"], ["run-0"]]
        assert third.cursor is None

    async def test_a_list_may_be_of_some_statuses(self, store: Store) -> None:
        await run_to_its_end(store, "done")
        await run_to_its_end(store, "broken", ended=FAILED)
        await admitted(store, new_run("waiting"), worker_id=None)
        await admitted(store, new_run("busy"))

        page = await store.list("", where=RunFilter(statuses=["failed", "running"]))

        assert [run.stimulation_id for run in page] == ["busy", "broken"]
        assert len(await store.list("", where=RunFilter(statuses=[]))) == 0
        assert len(await store.list("")) == 4

    async def test_the_last_full_page_has_no_cursor(self, store: Store) -> None:
        await admitted(store)

        page = await store.list("", limit=1)

        assert (len(page), page.cursor) == (1, None)

    async def test_a_list_of_none_is_empty(self, store: Store) -> None:
        await admitted(store)

        page = await store.list("", limit=0)

        assert (len(page), page.cursor) == (0, None)

    async def test_an_invented_cursor_is_refused(self, store: Store) -> None:
        with pytest.raises(StoreError, match="'page 2' is no cursor"):
            await store.list("", cursor="page 2")
