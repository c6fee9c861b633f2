"""Looking at a store for what has changed."""

from __future__ import annotations

from cnstra.devtools.watching import Lookout
from cnstra.durable.commands import new_command
from cnstra.inspection.reading import Reader
from cnstra.inspection.redacting import Redaction
from cnstra.inspection.views import Views
from cnstra.persist.commands import CommandResult, NewCommand
from cnstra.stores import MemoryStore
from cnstra.testing.building import new_run, run_to_its_end, worker


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


async def test_commands_are_told_when_they_are_new_and_when_they_have_changed() -> None:
    store = MemoryStore()
    await store.add_worker(worker("worker"), 60)
    await store.order(_retry("before"))
    lookout = _lookout(store)
    assert await _seen(lookout) == []

    await store.order(_retry("after"))
    assert await _seen(lookout) == [("command", "after")]
    assert await _seen(lookout) == []
    taken = await store.take_command("", "worker", kinds=["retry"], dead=())
    assert taken is not None
    assert await _seen(lookout) == [("command", "before")]
    await store.end_command("", taken.number, taken.takes, CommandResult("refused", "no"))
    assert await _seen(lookout) == [("command", "before")]
    assert await _seen(lookout) == []


async def test_many_commands_at_once_are_all_told_to_their_end() -> None:
    store = MemoryStore()
    await store.add_worker(worker("worker"), 60)
    lookout = _lookout(store)
    await lookout.look(())

    keys = [f"key-{number}" for number in range(700)]
    for key in keys:
        await store.order(_retry(key))
    assert await _seen(lookout) == [("command", key) for key in keys]

    for _ in keys:
        taken = await store.take_command("", "worker", kinds=["retry"], dead=())
        assert taken is not None
        await store.end_command("", taken.number, taken.takes, CommandResult("done", "yes"))
    assert await _seen(lookout) == [("command", key) for key in keys]


def _retry(key: str) -> NewCommand:
    return new_command("", "retry", "a", key=key, actor="ann", arguments={})
