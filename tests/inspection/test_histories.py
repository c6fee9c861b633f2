"""What a history tells beyond its rows."""

from __future__ import annotations

import json

import pytest

from cnstra import DurableRunner
from cnstra.inspection.histories import History
from cnstra.stores import MemoryStore
from tests.devtools.shop import Shop, sell, settled


async def _history(runner: DurableRunner, name: str) -> History:
    run = await runner.store.get("", name)
    assert run is not None
    return History(run, await runner.store.attempts("", name), await runner.store.tasks("", name))


async def test_a_fork_begins_with_the_contexts_of_its_origin(shop: Shop) -> None:
    async with shop.runner(MemoryStore()) as runner:
        await sell(runner, shop, "a", number=5)
        await settled(await runner.fork("a", 0, new_id="b", payload=shop.order(6).payload))
        history = await _history(runner, "b")

    [change] = history.contexts_of(history.tasks[0])
    assert json.loads(change.after or b"") == {"seen": 6}


async def test_what_waits_since_its_attempt_began_was_not_queued_before(shop: Shop) -> None:
    async with shop.runner(MemoryStore()) as runner:
        await sell(runner, shop, "a", note="fail")
        await settled(await runner.retry("a"))
        history = await _history(runner, "a")
        attempts = await runner.attempts("a")

    first, again = (task for task in history.tasks if task.settled.task.neuron_name == "pack")
    take = history.tasks[0].settled
    assert history.queued_at(first) == pytest.approx(min(take.started_at + take.duration, first.settled.started_at))
    assert history.queued_at(again) == min(attempts[1].started_at, again.settled.started_at)
    assert history.find(2, again.settled.ordinal) is again
    assert history.find(3, again.settled.ordinal) is None


@pytest.mark.parametrize("options", [b"", b"[]", b'{"contexts": 1}', b'{"contexts": {"take": 1}}', b"[" * 100_000])
async def test_options_that_cannot_be_read_hide_no_contexts(shop: Shop, options: bytes) -> None:
    async with shop.runner(MemoryStore()) as runner:
        await sell(runner, shop, "a")
        run = await runner.store.get("", "a")
        assert run is not None
        object.__setattr__(run, "options", options)
        history = History(run, [], await runner.store.tasks("", "a"))

    assert [len(changes) for _, changes in history.contexts()] == [1, 0, 0]
