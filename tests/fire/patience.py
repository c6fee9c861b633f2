"""Waiting for what happens in other processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cnstra.errors import StoreError

__all__ = ["patiently", "until"]

T = TypeVar("T")

_PAUSE = 0.02
_LONGEST = 60.0


async def until(happens: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again, until the answer is yes.

    Raises:
        TimeoutError: If it is still no after a minute.
    """
    async with asyncio.timeout(_LONGEST):
        while True:
            answer = happens()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(_PAUSE)


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Try until the store does not fail.

    Raises:
        TimeoutError: If it still fails after a minute.
    """
    async with asyncio.timeout(_LONGEST):
        while True:
            try:
                return await call()
            except StoreError:
                await asyncio.sleep(_PAUSE)
