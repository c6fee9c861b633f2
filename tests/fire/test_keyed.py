"""Limits and schedules hold whatever is done to the workers."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from cnstra import DurableRunner
from cnstra.durable import RunInfo
from tests.fire.backends import BACKENDS, Backend
from tests.fire.crew import Crew
from tests.fire.effects import Effects
from tests.fire.keyed import AT_ONCE, ERRAND, EVERY, MAIL, RATE, TICK, Errand, errands
from tests.fire.patience import patiently
from tests.fire.scale import SCALE
from tests.fire.statistics import Statistics
from tests.fire.torments import Killer
from tests.fire.workforce import Workforce

CUSTOMERS = 3
RUNS_EACH = 25
RUNS = (CUSTOMERS + 1) * RUNS_EACH
ROUNDING = 1e-5
"""Seconds: the clocks of servers count microseconds."""


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
async def test_limits_hold_and_schedules_fire_once_under_fire(
    backend: Backend, crew: Crew, tmp_path: Path, statistics: Statistics
) -> None:
    cns, registry = errands()
    killer, most = Killer(SCALE.seed), Counter[str]()
    async with DurableRunner(cns, registry, backend.url).observer() as observer:
        for number in range(RUNS):
            customer = number % (CUSTOMERS + 1)
            key = MAIL if customer == CUSTOMERS else f"customer-{customer}"
            await observer.enqueue(ERRAND.create_signal(Errand(key)), stimulation_id=f"{key}-{number}", key=key)
        workforce = Workforce(crew, "tests.fire.keyed:keep_to_limits", backend, 3, folder=str(tmp_path))
        async with asyncio.timeout(SCALE.patience):
            disturbing = [asyncio.create_task(killer.rage(workforce)), asyncio.create_task(workforce.supervise())]
            await _watch(observer, most)
            for one in disturbing:
                one.cancel()
            await asyncio.gather(*disturbing, return_exceptions=True)
            await workforce.send_home()
        runs = await _all(observer)
        starts = [(await observer.attempts(run.stimulation_id))[0].started_at for run in runs if run.key == MAIL]

    finished = {run.stimulation_id for run in runs if run.status == "completed"}
    statistics.add("keys and clocks", backend.name, completed=len(finished), **killer.toll)
    assert max(most[f"customer-{number}"] for number in range(CUSTOMERS)) == AT_ONCE
    assert all(most[f"customer-{number}"] <= AT_ONCE for number in range(CUSTOMERS))
    starts.sort()
    count, seconds = RATE
    assert all(late - early > seconds - ROUNDING for early, late in zip(starts, starts[count:], strict=False))
    instants = sorted(_instant_of(run) for run in runs if run.stimulation_id.startswith(TICK))
    assert len(instants) > 1
    assert {later - earlier for earlier, later in pairwise(instants)} == {EVERY}
    happened = Counter(effect.meaning for effect in Effects(tmp_path).all())
    assert finished <= happened.keys()
    assert set(happened.values()) == {1}
    assert {run.status for run in runs if run.key is not None} == {"completed"}
    assert killer.toll["kills"] > 1


async def _watch(observer: DurableRunner, most: Counter[str]) -> None:
    """Count how many runs of each key run at once, until all that have one are over."""
    while True:
        running = await patiently(lambda: observer.list(status="running", limit=RUNS))
        for key, number in Counter(run.key for run in running if run.key is not None).items():
            most[key] = max(most[key], number)
        if not running:
            waiting = await patiently(lambda: observer.list(status="pending", limit=RUNS))
            if not any(run.key is not None for run in waiting):
                running = await patiently(lambda: observer.list(status="running", limit=RUNS))
                if not any(run.key is not None for run in running):
                    return
        await asyncio.sleep(0.01)


async def _all(observer: DurableRunner) -> list[RunInfo]:
    page = await observer.list(limit=10 * RUNS)
    assert page.cursor is None
    return list(page)


def _instant_of(run: RunInfo) -> float:
    return datetime.fromisoformat(run.stimulation_id.partition("@")[2]).timestamp()
