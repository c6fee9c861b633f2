from __future__ import annotations

import asyncio
import os

import pytest

from cnstra.workers.celery.bells import Bells


class Ear:
    """Counts what it hears."""

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
    bells, ear = Bells(), Ear()
    with bells.heard(ear):
        bells.ring()
        await ear.more()
        bells.ring()
        await ear.more()
        bells.ring()
        await asyncio.sleep(0)
    bells.close()

    assert ear.heard == 2


async def test_whoever_comes_late_hears_a_bell_that_was_rung() -> None:
    bells, ear = Bells(), Ear()
    bells.ring()
    with bells.heard(ear):
        await ear.more()
    bells.close()

    assert ear.heard == 1


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
