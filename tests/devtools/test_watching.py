"""Looking at a store for what has changed."""

from __future__ import annotations

from cnstra.devtools.watching import Lookout
from cnstra.inspection.reading import Reader
from cnstra.inspection.redacting import Redaction
from cnstra.inspection.views import Views
from cnstra.stores import MemoryStore
from cnstra.testing.building import new_run, run_to_its_end


def _lookout(store: MemoryStore) -> Lookout:
    return Lookout(Reader(store, ""), Views(Redaction()))


async def _seen(lookout: Lookout, *followed: str) -> list[tuple[str, str]]:
    changes = await lookout.look(followed)
    return [(change.kind, change.about) for change in changes if change.kind not in {"stats", "workers"}]


async def test_the_first_look_only_remembers() -> None:
    store = MemoryStore()
    await store.admit(new_run("a"), None)
    lookout = _lookout(store)

    assert await _seen(lookout) == []
    assert [run.stimulation_id for run in lookout.runs] == ["a"]


async def test_new_runs_and_changed_ones_are_told_once() -> None:
    store = MemoryStore()
    lookout = _lookout(store)
    await lookout.look(())

    await store.admit(new_run("a"), None)
    assert await _seen(lookout) == [("run", "a")]
    assert await _seen(lookout) == []
    await store.request_abort("", "a", "enough")
    assert await _seen(lookout) == [("run", "a")]


async def test_a_run_that_is_deleted_is_gone() -> None:
    store = MemoryStore()
    await store.admit(new_run("a"), None)
    lookout = _lookout(store)
    await lookout.look(())

    await store.delete("", "a", dead=())

    assert await _seen(lookout) == [("gone", "a")]
    assert await _seen(lookout) == []


async def test_many_runs_at_once_are_told_as_such() -> None:
    store = MemoryStore()
    await store.admit(new_run("first"), None)
    lookout = _lookout(store)
    await lookout.look(())

    for number in range(150):
        await run_to_its_end(store, f"run-{number}")

    assert await _seen(lookout) == [("resync", "")]


async def test_an_old_run_is_seen_to_its_end_while_it_is_open_or_followed() -> None:
    store = MemoryStore()
    await run_to_its_end(store, "followed")
    await store.admit(new_run("open"), None)
    for number in range(150):
        await run_to_its_end(store, f"run-{number}")
    lookout = _lookout(store)
    await lookout.look(["followed"])

    await store.settle("", "open", "aborted", dead=())
    await store.delete("", "followed", dead=())

    assert sorted(await _seen(lookout, "followed")) == [("gone", "followed"), ("run", "open")]


async def test_a_run_that_slides_out_of_sight_is_not_gone() -> None:
    store = MemoryStore()
    await run_to_its_end(store, "old")
    for number in range(99):
        await run_to_its_end(store, f"run-{number}")
    lookout = _lookout(store)
    await lookout.look(())

    for number in range(5):
        await run_to_its_end(store, f"later-{number}")

    assert {kind for kind, _ in await _seen(lookout)} == {"run"}
