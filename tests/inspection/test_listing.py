"""Finding runs by what no store can filter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cnstra.inspection.listing import FoundRuns, RunFinder
from cnstra.inspection.problems import NotShown
from cnstra.inspection.reading import Reader
from cnstra.inspection.sealing import Seal
from cnstra.inspection.searching import Matches
from cnstra.persist.records import RunFilter
from cnstra.stores import MemoryStore
from cnstra.testing.building import new_run, run_to_its_end

SEAL = Seal("secret", "runs")


async def _stored(*names: str) -> MemoryStore:
    store = MemoryStore()
    for name in names:
        await store.admit(new_run(name), None)
    return store


async def _walk(
    store: MemoryStore,
    *,
    limit: int = 2,
    prefix: str | None = None,
    neuron: str | None = None,
    matches: Matches | None = None,
) -> list[FoundRuns]:
    finder, cursor, pages = RunFinder(Reader(store, ""), SEAL), None, []
    while True:
        page = await finder.page(RunFilter(), prefix=prefix, neuron=neuron, matches=matches, limit=limit, cursor=cursor)
        pages.append(page)
        cursor = pages[-1].cursor
        if cursor is None:
            return pages


def _names(pages: list[FoundRuns]) -> list[str]:
    return [run.stimulation_id for page in pages for run in page.runs]


async def test_runs_are_found_by_the_beginning_of_their_id() -> None:
    store = await _stored("a-1", "b-1", "a-2", "b-2", "a-3")

    assert _names(await _walk(store, prefix="a-")) == ["a-3", "a-2", "a-1"]
    assert _names(await _walk(store, prefix="c")) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_every_run_is_on_one_page(limit: int) -> None:
    names = [f"{'ab'[number % 2]}-{number}" for number in range(20)]
    store = await _stored(*names)

    assert _names(await _walk(store, limit=limit)) == names[::-1]
    assert _names(await _walk(store, limit=limit, prefix="a")) == [name for name in names[::-1] if name[0] == "a"]


async def test_the_next_page_goes_on_when_runs_were_added_or_the_last_one_shown_is_gone() -> None:
    store = await _stored("a-1", "a-2", "a-3", "a-4")
    finder = RunFinder(Reader(store, ""), SEAL)
    first = await finder.page(RunFilter(), prefix="a", neuron=None, limit=2, cursor=None)
    await store.admit(new_run("a-5"), None)
    await store.delete("", "a-3", dead=())

    second = await finder.page(RunFilter(), prefix="a", neuron=None, limit=2, cursor=first.cursor)

    assert _names([first, second]) == ["a-4", "a-3", "a-2", "a-1"]


async def test_a_search_that_looks_at_much_says_where_it_goes_on() -> None:
    store = await _stored("needle", *(f"run-{number}" for number in range(2_300)))

    pages = await _walk(store, matches=lambda run: run.stimulation_id == "needle")

    assert [len(page.runs) for page in pages] == [0, 0, 1]
    assert sum(page.looked_at for page in pages) == 2_301


async def test_runs_are_found_by_a_neuron_that_has_run_or_is_about_to() -> None:
    store = await _stored("waiting")
    await run_to_its_end(store, "done")
    [task] = new_run().tasks
    other = replace(new_run("other"), tasks=[task._replace(neuron_name="other")])
    await store.admit(other, None)

    assert _names(await _walk(store, neuron=task.neuron_name)) == ["done", "waiting"]
    assert _names(await _walk(store, neuron="other")) == ["other"]


async def test_a_cursor_of_something_else_is_refused() -> None:
    finder = RunFinder(Reader(MemoryStore(), ""), SEAL)

    with pytest.raises(NotShown):
        await finder.page(RunFilter(), prefix=None, neuron=None, limit=1, cursor=Seal("secret", "x").close([1]))
