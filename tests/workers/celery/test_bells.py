from __future__ import annotations

import asyncio
import os

import pytest

from cnstra.workers.celery.bells import Bells


class Ear:
    """Waits until something is heard, and counts how often."""

    def __init__(self) -> None:
        self.heard = 0
        self._more = asyncio.Event()

    def __call__(self) -> None:
        self.heard += 1
        self._more.set()

    async def more(self) -> None:
        await asyncio.wait_for(self._more.wait(), 60)
        self._more.clear()


async def test_each_bell_is_heard_once() -> None:
    bells, stop, hurry = Bells(), Ear(), Ear()
    with bells.heard(stop, hurry):
        bells.ring()
        await stop.more()
        before = hurry.heard
        bells.ring()
        await hurry.more()
        bells.ring()
        await asyncio.sleep(0)
    bells.close()

    assert (stop.heard, before, hurry.heard) == (1, 0, 1)


async def test_whoever_comes_late_hears_a_bell_that_was_rung() -> None:
    bells, stop, hurry = Bells(), Ear(), Ear()
    bells.ring()
    with bells.heard(stop, hurry):
        await stop.more()
    bells.close()

    assert (stop.heard, hurry.heard) == (1, 0)


def test_bells_can_be_rung_and_closed_too_often() -> None:
    bells = Bells()
    for _ in range(3):
        bells.ring()
    bells.close()
    bells.ring()
    bells.close()

    for pipe in bells._pipes:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(pipe[0])
