"""A store with many runs that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, final

from cnstra import CNS, CNSPersistOptionsRegistry, collateral, neuron
from cnstra.durable.run_options import RunOptions
from cnstra.persist.ports import Store
from cnstra.persist.records import NewRun, SignalRow, TaskRow
from tests.durability.wrapping import StoreWrapper
from tests.fire.waiting import Order

__all__ = ["AT_ONCE", "Claims", "Desk", "fill"]

T = TypeVar("T")

AT_ONCE: Final = 500
"""Runs that are stored side by side, and of which nobody knows which is older."""


async def fill(store: Store, count: int) -> None:
    """Let so many runs wait, which the neuron of a `Desk` can do."""
    options = RunOptions().encode()
    task = TaskRow(0, "clerk", "asked", 0, 0)

    async def admit(number: int) -> None:
        entry = SignalRow(0, "asked", 1, b'{"number":%d}' % number)
        assert await store.admit(NewRun("", f"waiting-{number}", options, [entry], [task]), None) is not None

    for first in range(0, count, AT_ONCE):
        await asyncio.gather(*map(admit, range(first, min(count, first + AT_ONCE))))


@final
class Desk:
    """One neuron that keeps everybody waiting, until somebody is let go.

    Attributes:
        served: The numbers of the runs whose handler was called, in order.
    """

    def __init__(self) -> None:
        self.served: list[int] = []
        self._go = asyncio.Semaphore(0)
        asked = collateral(Order, name="asked")
        clerk = neuron({}, name="clerk").dendrite(asked, self._serve)
        self.cns: CNS[Any] = CNS([clerk])
        self.registry = CNSPersistOptionsRegistry().register("clerk", clerk).register_collateral("asked", asked)

    async def _serve(self, order: Order) -> None:
        self.served.append(order.number)
        await self._go.acquire()

    def let_go(self, count: int) -> None:
        """Let so many runs end."""
        for _ in range(count):
            self._go.release()


@final
class Claims(StoreWrapper):
    """Counts what is loaded by claims.

    Attributes:
        loaded: How many runs.
    """

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.loaded = 0

    async def around(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        result = await super().around(operation, call)
        if operation == "claim":
            assert isinstance(result, list)
            self.loaded += len(result)
        return result
