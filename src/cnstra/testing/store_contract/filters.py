"""Lists of some runs, and numbers of all."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import get_args

import pytest

from cnstra.persist.delta import Ended
from cnstra.persist.ports import Store
from cnstra.persist.records import ErrorRecord, RunFilter, RunStatus
from cnstra.testing.building import BOOM, COMPLETED, FAILED, admitted, enqueued, failure, hop, new_run, run_to_its_end
from cnstra.testing.building import signal as signal_row

__all__ = ["FilterContract"]

STRANGE = ErrorRecord("Größenfehler", "50 %_ of\x00 \udcff\U0001f4a5 'x' \"y\" \\ ", "in the traceback")


async def ids(store: Store, where: RunFilter) -> list[str]:
    return [run.stimulation_id for run in await store.list("", where=where)]


async def ended_with(store: Store, run_id: str, error: ErrorRecord) -> None:
    await run_to_its_end(store, run_id, ended=Ended("failed", "failed", error))


class FilterContract:
    """Lists of some runs, and numbers of all."""

    async def test_a_list_may_be_of_runs_with_one_entry(self, store: Store) -> None:
        other = signal_row(0)._replace(collateral_name="deck_created")
        await admitted(store, new_run("card"))
        await admitted(store, replace(new_run("deck"), entry=[other]))
        await admitted(store, replace(new_run("both"), entry=[other, signal_row(1)]))
        await admitted(store, replace(new_run("neither"), entry=[], tasks=[]))

        assert await ids(store, RunFilter(entry="deck_created")) == ["both", "deck"]
        assert await ids(store, RunFilter(entry="card_created")) == ["card"]
        assert await ids(store, RunFilter(entry="nothing")) == []

    async def test_a_list_may_be_of_a_time(self, store: Store) -> None:
        times = []
        for n in range(4):
            times.append((await enqueued(store, f"run-{n}")).run.created_at)
            await asyncio.sleep(0.01)  # so that no two were stored at the same time, however coarse the clock

        assert await ids(store, RunFilter(created_after=times[2])) == ["run-3", "run-2"]
        assert await ids(store, RunFilter(created_before=times[2])) == ["run-1", "run-0"]
        assert await ids(store, RunFilter(created_after=times[1], created_before=times[3])) == ["run-2", "run-1"]

    @pytest.mark.parametrize(
        "text", ["Größen", "fehler", "50 %_ of", "\x00", "\udcff", "\U0001f4a5", "'x' \"y\" \\", ""]
    )
    async def test_a_list_may_be_of_runs_whose_error_has_a_text(self, store: Store, text: str) -> None:
        await ended_with(store, "strange", STRANGE)
        await ended_with(store, "plain", ErrorRecord("Error", "ordinary"))
        await run_to_its_end(store, "done")

        assert await ids(store, RunFilter(error=text)) == (["strange"] if text else ["plain", "strange"])

    @pytest.mark.parametrize("text", ["größen", "in the traceback", "50 %x", "%", "_", "fehler50"])
    async def test_a_text_that_the_error_has_not_finds_nothing(self, store: Store, text: str) -> None:
        await ended_with(store, "strange", replace(STRANGE, message="50 of"))

        assert await ids(store, RunFilter(error=text)) == []

    async def test_the_error_of_the_latest_attempt_counts(self, store: Store) -> None:
        for run_id in ("retried", "broken"):
            await store.commit([failure(await admitted(store, new_run(run_id)))])
        taken = await store.take("", "retried", "worker", statuses=["failed"], dead=())
        assert taken is not None
        await store.commit([hop(taken, ended=COMPLETED)])

        assert await ids(store, RunFilter(error="boom")) == ["broken"]

    async def test_an_error_from_outside_counts(self, store: Store) -> None:
        await admitted(store)
        await store.settle("", "run", "failed", dead=["worker"], error=BOOM)

        assert await ids(store, RunFilter(error="boom")) == ["run"]

    @pytest.mark.parametrize("prefix", ["a", "a_", "a%", "größe-", "\U0001f4a5", "\U0010ffff"])
    async def test_runs_are_found_by_what_their_id_begins_with(self, store: Store, prefix: str) -> None:
        names = ["b", "A", "a", "a_1", "ab", "a%", "größe-1", "\U0001f4a5", "\U0001f4a5!", "\U0010ffff", "\U0010ffff2"]
        for name in names:
            await admitted(store, new_run(name))

        found = await ids(store, RunFilter(id_prefix=prefix))

        assert sorted(found) == sorted(name for name in names if name.startswith(prefix))

    @pytest.mark.parametrize("prefix", ["\ud800", "run\udcff", "run\x00"])
    async def test_no_id_begins_with_what_is_in_none(self, store: Store, prefix: str) -> None:
        await admitted(store, new_run("run-1"))

        assert await ids(store, RunFilter(id_prefix=prefix)) == []

    async def test_the_beginning_of_an_id_is_combined_with_the_rest_and_paged(self, store: Store) -> None:
        for n in range(9):
            await run_to_its_end(store, f"import-{n}", ended=FAILED if n % 2 else COMPLETED)
            await run_to_its_end(store, f"order-{n}", ended=FAILED)
        where = RunFilter(statuses=["failed"], id_prefix="import-")

        first = await store.list("", where=where, limit=3)
        second = await store.list("", where=where, limit=3, cursor=first.cursor)

        assert [run.stimulation_id for run in first] == ["import-7", "import-5", "import-3"]
        assert [run.stimulation_id for run in second] == ["import-1"]
        assert second.cursor is None

    async def test_filters_are_combined(self, store: Store) -> None:
        await run_to_its_end(store, "done")
        await run_to_its_end(store, "broken", ended=FAILED)
        state = await admitted(store, new_run("aborted"))
        await store.commit([hop(state, ended=Ended("aborted", "aborted", BOOM))])
        since = state.run.created_at - 60

        where = RunFilter(statuses=["failed"], entry="card_created", created_after=since, error="boom")
        assert await ids(store, where) == ["broken"]
        assert await ids(store, replace(where, statuses=None)) == ["aborted", "broken"]
        assert await ids(store, replace(where, created_before=since)) == []

    async def test_what_is_selected_comes_page_by_page(self, store: Store) -> None:
        for n in range(12):
            await run_to_its_end(store, f"run-{n}", ended=FAILED if n % 3 else COMPLETED)
        where = RunFilter(statuses=["failed", "aborted"], error="boom")

        pages = [await store.list("", where=where, limit=3)]
        while pages[-1].cursor is not None:
            await run_to_its_end(store, f"later-{len(pages)}", ended=FAILED)  # which shifts no page
            pages.append(await store.list("", where=where, limit=3, cursor=pages[-1].cursor))

        found = [[run.stimulation_id for run in page] for page in pages]
        assert found == [["run-11", "run-10", "run-8"], ["run-7", "run-5", "run-4"], ["run-2", "run-1"]]

    async def test_a_store_is_told_in_numbers(self, store: Store) -> None:
        await run_to_its_end(store, "done")
        await run_to_its_end(store, "broken", ended=FAILED)
        oldest = await admitted(store, new_run("busy"))
        for n in range(3):
            await enqueued(store, f"waiting-{n}")
        await enqueued(store, "later", due_at=oldest.run.created_at + 3600)
        await admitted(store, new_run(scope="elsewhere"))

        stats = await store.stats("")

        assert stats.runs == {"pending": 4, "running": 1, "completed": 1, "failed": 1, "aborted": 0}
        assert stats.oldest_open_at == oldest.run.created_at
        assert stats.size is None or stats.size > 0

    async def test_an_empty_scope_has_numbers_too(self, store: Store) -> None:
        await run_to_its_end(store, "done", scope="elsewhere")

        stats = await store.stats("")

        assert stats.runs == dict.fromkeys(get_args(RunStatus), 0)
        assert stats.oldest_open_at is None
