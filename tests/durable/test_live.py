import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cnstra.durable.handles import DurableRun
from cnstra.durable.live import LiveRuns
from cnstra.durable.recorder import RunRecorder
from tests.durable.graphs import Switch, line, pass_on


def started(live: LiveRuns, stimulation_id: str = "a") -> RunRecorder:
    recorder = cast("RunRecorder", SimpleNamespace(stimulation_id=stimulation_id))
    live.add(DurableRun(stimulation_id, 1, cast("Any", object())), recorder)
    return recorder


def test_an_earlier_attempt_that_ends_late_leaves_the_later_one() -> None:
    live = LiveRuns()
    first, second = started(live), started(live)

    live.drop(first)
    assert live.get("a") is not None
    live.drop(second)
    live.drop(second)

    assert live.get("a") is None
    assert len(live) == 0


async def test_it_is_idle_when_the_last_run_has_ended() -> None:
    live = LiveRuns()
    recorder = started(live)
    waiting = asyncio.ensure_future(live.wait_until_idle())
    await asyncio.sleep(0)

    was_idle = waiting.done()
    live.drop(recorder)
    await waiting

    assert not was_idle


async def test_everybody_who_waits_for_a_run_hears_of_its_start_and_its_end() -> None:
    graph = line(pass_on)
    live = LiveRuns()
    run = graph.cns.stimulate(graph.signal(1))

    with live.awaiting("a") as first, live.awaiting("a") as second, live.awaiting("b") as other:
        live.add(DurableRun("a", 1, run), cast("RunRecorder", SimpleNamespace(stimulation_id="a")))
        await (await first)
        await (await second)

    assert not other.done()
    assert live._awaited == {}


async def test_a_failure_that_was_waited_for_is_nobodys_any_more(caplog: pytest.LogCaptureFixture) -> None:
    graph = line(Switch())
    live = LiveRuns()
    with live.awaiting("a"):
        run = graph.cns.stimulate(graph.signal(1))
        live.add(DurableRun("a", 1, run), cast("RunRecorder", SimpleNamespace(stimulation_id="a")))
    await asyncio.sleep(0.001)

    assert caplog.records == []
