"""What the worker processes do."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Any

from cnstra import DurableRunner
from cnstra.durable.heartbeat import Heartbeat, Pulse
from cnstra.durable.surroundings import Surroundings
from cnstra.errors import RunNotReady, StimulationFailed, StoreError
from tests.fire.effects import Effects
from tests.fire.graph import SHAPES, FireGraph

__all__ = ["CANNOT_BEGIN", "HEARTBEAT", "LEASE", "keep_working", "surroundings"]

LEASE = 1.0
HEARTBEAT = 0.2
CANNOT_BEGIN = 75
"""The exit code of a worker whose store failed it before it could begin."""


def surroundings(*, careless: bool) -> Surroundings:
    """Return those of a worker; a careless one does not notice that its lease is lost: the fence is all there is."""
    return Surroundings(pulse=_careless) if careless else Surroundings()


def _careless(*args: Any, **options: Any) -> Pulse:
    return Heartbeat(*args, **options | {"lost": lambda error: None})


async def keep_working(url: str, folder: str, *, pause: float, careless: bool = False, **options: Any) -> None:
    """Do every run that comes, and retry those that heal, until somebody puts an end to it."""
    logging.getLogger("cnstra").addFilter(_is_news)
    graph = FireGraph(Effects(Path(folder)), pause)
    given: dict[str, Any] = {"lease": LEASE, "heartbeat": HEARTBEAT, "poll": 0.3, **options}
    around = surroundings(careless=careless)
    runner = DurableRunner(graph.cns, graph.registry, url, _surroundings=around, **given)
    try:
        await runner.open()
    except StoreError as error:  # whoever started this process starts another one
        print("cannot begin:", error)  # noqa: T201 - into the log of the crew
        sys.exit(CANNOT_BEGIN)
    while True:
        try:
            await _retry_what_heals(runner)
        except StoreError as error:
            print("cannot retry:", error)  # noqa: T201 - into the log of the crew
        await asyncio.sleep(0.2)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether something else is told than that a run has failed as designed."""
    return record.exc_info is None or not isinstance(record.exc_info[1], StimulationFailed)


async def _retry_what_heals(runner: DurableRunner) -> None:
    for shape in SHAPES:
        if not shape.heals:
            continue
        for run in await runner.list(status="failed", entry=shape.nodes[0].name, limit=10):
            try:
                await runner.retry(run.stimulation_id)
            except RunNotReady:  # somebody else was faster
                continue
