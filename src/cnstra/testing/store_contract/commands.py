"""Commands: stored once, taken by one worker, ended by who took them last."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Final

from cnstra.persist.commands import CommandKind, CommandRecord, CommandResult, NewCommand
from cnstra.persist.ports import Store
from cnstra.testing.building import run_to_its_end, worker

__all__ = ["CommandContract"]

_KINDS: Final[tuple[CommandKind, ...]] = ("retry", "clone", "fork", "abort", "delete", "stimulate")
_DONE: Final = CommandResult("done", "it waits for a worker")


class CommandContract:
    """Commands that people give."""

    async def test_what_was_ordered_is_stored_as_it_was(self, store: Store) -> None:
        strange = "\x00\ud800\U0001f4a5'\" größe"
        new = _new("key", kind="fork", stimulation_id=strange, arguments=b'{"from_task":1}', actor=strange, seen="2")

        ordered = await store.order(new)

        assert (ordered.scope, ordered.key, ordered.kind, ordered.stimulation_id) == ("", "key", "fork", strange)
        assert (ordered.arguments, ordered.actor, ordered.seen) == (b'{"from_task":1}', strange, "2")
        assert (ordered.status, ordered.taken_by, ordered.takes, ordered.ended_at) == ("waiting", None, 0, None)
        assert await store.command("", "key") == ordered
        assert list(await store.commands("")) == [ordered]

    async def test_a_second_command_of_a_key_is_the_first_one(self, store: Store) -> None:
        first = await store.order(_new("key", stimulation_id="run"))

        second = await store.order(_new("key", kind="delete", stimulation_id="other"))

        assert second == first
        assert len(await store.commands("")) == 1

    async def test_a_key_that_is_ordered_many_times_at_once_is_one_command(self, store: Store) -> None:
        ordered = await asyncio.gather(*(store.order(_new("key", actor=f"actor {n}")) for n in range(20)))

        assert {row.number for row in ordered} == {ordered[0].number}
        assert len(await store.commands("")) == 1

    async def test_scopes_are_kept_apart(self, store: Store) -> None:
        await store.order(_new("key"))
        there = await store.order(_new("key", scope="there", kind="abort"))

        assert await _taken(store, scope="there") is not None
        assert await _taken(store, scope="there") is None
        assert [row.kind for row in await store.commands("")] == ["retry"]
        assert not await store.end_command("", there.number, 1, _DONE)
        assert await store.command("nowhere", "key") is None

    async def test_the_oldest_is_taken_first(self, store: Store) -> None:
        for n in range(3):
            await store.order(_new(f"key {n}"))

        taken = [await _taken(store) for _ in range(4)]

        assert [row and row.key for row in taken] == ["key 0", "key 1", "key 2", None]

    async def test_who_takes_one_is_named_in_it(self, store: Store) -> None:
        await store.order(_new("key"))

        taken = await _taken(store)

        assert taken is not None
        assert (taken.status, taken.taken_by, taken.takes) == ("taken", "worker", 1)
        assert await store.command("", "key") == taken

    async def test_one_takes_only_the_kinds_that_it_can_do(self, store: Store) -> None:
        for kind in _KINDS:
            await store.order(_new(kind, kind=kind))

        found = [await _taken(store, kinds=["stimulate", "abort"]) for _ in range(3)]

        assert [row and row.kind for row in found] == ["abort", "stimulate", None]

    async def test_a_command_is_taken_by_one_of_many(self, store: Store) -> None:
        await store.add_worker(worker("worker"), 60)
        for n in range(10):
            await store.order(_new(f"key {n}"))

        taken = await asyncio.gather(*(_taken(store) for _ in range(25)))

        keys = sorted(row.key for row in taken if row is not None)
        assert keys == [f"key {n}" for n in range(10)]

    async def test_a_command_whose_worker_has_died_is_taken_again(self, store: Store) -> None:
        await store.add_worker(worker("worker"), 60)
        await store.add_worker(worker("other"), 60)
        await store.order(_new("key"))
        await _taken(store)
        assert await _taken(store, "other") is None

        again = await _taken(store, "other", dead=["worker"])

        assert again is not None
        assert (again.taken_by, again.takes) == ("other", 2)

    async def test_a_command_whose_worker_has_no_lease_is_taken_again(self, store: Store) -> None:
        await store.add_worker(worker("worker"), -1)
        await store.order(_new("key"))
        await _taken(store)

        again = await _taken(store, "other")

        assert again is not None
        assert again.takes == 2

    async def test_a_command_that_its_worker_carries_out_itself_is_free_for_others_when_that_has_died(
        self, store: Store
    ) -> None:
        await store.add_worker(worker("worker"), 60)
        await store.add_worker(worker("other"), 60)

        ordered = await store.order(replace(_new("key"), taken_by="worker"))

        assert (ordered.status, ordered.taken_by, ordered.takes) == ("taken", "worker", 1)
        assert await store.command("", "key") == ordered
        assert await _taken(store, "other") is None
        again = await _taken(store, "other", dead=["worker"])
        assert again is not None
        assert (again.taken_by, again.takes) == ("other", 2)
        assert not await store.end_command("", ordered.number, 1, _DONE)

    async def test_a_command_that_its_worker_carries_out_itself_ends(self, store: Store) -> None:
        await store.add_worker(worker("worker"), 60)
        ordered = await store.order(replace(_new("key"), taken_by="worker"))

        assert await store.end_command("", ordered.number, 1, _DONE)

        ended = await store.command("", "key")
        assert ended is not None
        assert (ended.status, ended.outcome) == ("done", _DONE.outcome)
        assert await _taken(store, dead=["worker"]) is None
        second = await store.order(replace(_new("key"), taken_by="worker"))
        assert second == ended

    async def test_the_end_is_stored(self, store: Store) -> None:
        await store.order(_new("key", kind="clone", stimulation_id="run"))
        taken = await _taken(store)
        assert taken is not None

        assert await store.end_command("", taken.number, 1, CommandResult("done", "größer\x00", made="copy"))

        ended = await store.command("", "key")
        assert ended is not None
        assert (ended.status, ended.outcome, ended.made) == ("done", "größer\x00", "copy")
        assert ended.ended_at is not None
        assert ended.ended_at >= ended.ordered_at

    async def test_what_has_ended_is_not_taken_and_does_not_end_again(self, store: Store) -> None:
        ended = await _ended(store, "key")

        assert await _taken(store, "other") is None
        assert not await store.end_command("", ended.number, 1, CommandResult("refused", "too late"))
        assert await store.command("", "key") == ended

    async def test_who_took_it_before_cannot_end_it(self, store: Store) -> None:
        await store.order(_new("key"))
        taken = await _taken(store)
        await _taken(store, "other", dead=["worker"])
        assert taken is not None

        assert not await store.end_command("", taken.number, taken.takes, _DONE)

        row = await store.command("", "key")
        assert row is not None
        assert (row.status, row.taken_by) == ("taken", "other")

    async def test_what_nobody_took_does_not_end(self, store: Store) -> None:
        waiting = await store.order(_new("key"))

        assert not await store.end_command("", waiting.number, 0, _DONE)
        assert not await store.end_command("", waiting.number + 1, 1, _DONE)
        assert await store.command("", "key") == waiting

    async def test_the_latest_are_listed_first_and_by_pages(self, store: Store) -> None:
        for n in range(5):
            await store.order(_new(f"key {n}"))

        first = await store.commands("", limit=2)
        second = await store.commands("", limit=2, before=first[-1].number)
        third = await store.commands("", limit=2, before=second[-1].number)

        pages = [[row.key for row in page] for page in (first, second, third)]
        assert pages == [["key 4", "key 3"], ["key 2", "key 1"], ["key 0"]]

    async def test_the_commands_about_a_run_include_what_made_it(self, store: Store) -> None:
        await store.order(_new("retry", stimulation_id="run"))
        await store.order(_new("other", stimulation_id="other"))
        await store.order(_new("clone", kind="clone", stimulation_id="run"))
        await _taken(store, kinds=["retry"])
        await _taken(store, kinds=["retry"])
        taken = await _taken(store)
        assert taken is not None
        await store.end_command("", taken.number, 1, CommandResult("done", "made", made="copy"))

        assert [row.key for row in await store.commands("", stimulation_id="run")] == ["clone", "retry"]
        assert [row.key for row in await store.commands("", stimulation_id="copy")] == ["clone"]
        assert list(await store.commands("", stimulation_id="nobody")) == []

    async def test_what_was_asked_of_a_run_is_told_when_the_run_is_gone(self, store: Store) -> None:
        await run_to_its_end(store, "run")
        await store.order(_new("delete", kind="delete", stimulation_id="run"))

        assert await store.delete("", "run", dead=())

        assert [row.key for row in await store.commands("", stimulation_id="run")] == ["delete"]

    async def test_only_what_has_ended_long_ago_is_purged(self, store: Store) -> None:
        await _ended(store, "old")
        await _ended(store, "also old")
        await store.order(_new("waiting"))

        assert await store.purge_commands("", older_than=3600) == 0
        assert await store.purge_commands("", older_than=-1, limit=1) == 1
        assert await store.purge_commands("elsewhere", older_than=-1) == 0
        assert await store.purge_commands("", older_than=-1) == 1

        assert [row.key for row in await store.commands("")] == ["waiting"]
        assert (await store.order(_new("old"))).status == "waiting"

    async def test_numbers_are_never_used_again(self, store: Store) -> None:
        ended = await _ended(store, "key")
        await store.purge_commands("", older_than=-1)

        assert (await store.order(_new("next"))).number > ended.number

    async def test_an_order_is_news(self, store: Store) -> None:
        waiting = asyncio.create_task(store.changed("", 30))
        await asyncio.sleep(0.05)

        while not waiting.done():  # what changes before the wait may be missed
            await store.order(_new(f"key {asyncio.get_running_loop().time()}"))
            await asyncio.wait([waiting], timeout=0.5)

        assert await waiting

    async def test_large_arguments_are_kept(self, store: Store) -> None:
        large = b'{"payload":"' + b"x" * 3_000_000 + b'"}'

        await store.order(_new("key", kind="stimulate", stimulation_id=None, arguments=large))

        taken = await _taken(store)
        assert taken is not None
        assert taken.arguments == large


def _new(key: str, **changes: Any) -> NewCommand:
    given: dict[str, Any] = {"kind": "retry", "stimulation_id": "run", "arguments": b"{}", "actor": "ann", "scope": ""}
    return NewCommand(key=key, **(given | changes))


async def _taken(
    store: Store,
    worker_id: str = "worker",
    *,
    scope: str = "",
    kinds: tuple[CommandKind, ...] | list[CommandKind] = _KINDS,
    dead: tuple[str, ...] | list[str] = (),
) -> CommandRecord | None:
    if not any(row.worker_id == worker_id for row in await store.workers()):
        await store.add_worker(worker(worker_id), 60)
    return await store.take_command(scope, worker_id, kinds=kinds, dead=dead)


async def _ended(store: Store, key: str) -> CommandRecord:
    await store.order(_new(key))
    taken = await _taken(store)
    assert taken is not None
    assert await store.end_command("", taken.number, taken.takes, _DONE)
    ended = await store.command("", key)
    assert ended is not None
    return ended
