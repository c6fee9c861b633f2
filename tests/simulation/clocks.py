"""The wall clock of simulated processes, in the place of the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from cnstra.core import starting, watched_loop
from cnstra.durable import recorder
from tests.simulation.loop import SimulatedLoop

__all__ = ["simulated_wall_clock"]

_READERS = (starting, watched_loop, recorder)
"""Who reads the time of day: only to write down when a handler was called, and for how long it ran."""


@contextmanager
def simulated_wall_clock() -> Iterator[None]:
    """Let each process read a clock of its own, which may be set to any time while it runs."""
    before = [(module, module.time) for module in _READERS]
    for module in _READERS:
        module.time = _now  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module, time in before:
            module.time = time  # type: ignore[attr-defined]


def _now() -> float:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimulatedLoop)
    return loop.process.wall_clock()
