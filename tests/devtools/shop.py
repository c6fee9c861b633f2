"""The application that the DevTools are tried on: orders that are taken, packed and shipped."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cnstra import CNS, Axon, CNSPersistOptionsRegistry, DurableRunner, Signal, collateral, neuron
from cnstra.core.context import HandlerContext
from cnstra.durable import DurableRun
from cnstra.errors import StimulationFailed

__all__ = ["SECRET", "Order", "Shop", "sell", "settled"]

SECRET = "hunter2-hunter2"


@dataclass(frozen=True)
class Order:
    """What somebody wants."""

    number: int
    note: str = ""
    password: str = SECRET


class OutOfStockError(Exception):
    pass


def find(order: Order) -> None:
    try:
        {}[order.number]  # type: ignore[index]
    except KeyError as error:
        raise OutOfStockError(f"nothing left, password={SECRET}") from error


class Shop:
    """One graph with its names; ``note`` says what happens: ``fail``, ``hold`` until `release`, or nothing special."""

    def __init__(self) -> None:
        self.ordered = ordered = collateral(Order, name="ordered")

        class TakenAxon(Axon):
            """What is known of an order that was taken."""

            taken = collateral(Order)

        class PackedAxon(Axon):
            packed = collateral(Order)

        take = neuron(TakenAxon, name="take")
        pack = neuron(PackedAxon, name="pack")
        ship = neuron({}, name="ship")
        self._hold = asyncio.Event()

        @take.dendrite(ordered)
        def write_down(order: Order, axon: TakenAxon, ctx: HandlerContext[Any, Any]) -> Signal[Order]:
            """Write an order down.

            It is kept until it is packed.
            """
            ctx.set({"seen": order.number})
            return axon.taken.create_signal(order)

        @pack.dendrite(TakenAxon.taken)
        async def wrap(order: Order, axon: PackedAxon) -> Signal[Order]:
            if order.note == "hold":
                await self._hold.wait()
            if order.note.startswith("fail"):
                find(order)
            return axon.packed.create_signal(order)

        ship.dendrite(PackedAxon.packed, lambda order: None)
        self.cns = CNS([take, pack, ship])
        self.registry = CNSPersistOptionsRegistry().register_collateral("ordered", ordered)
        for one in (take, pack, ship):
            self.registry.register(one.label, one)

    def runner(self, store: Any, **options: Any) -> DurableRunner:
        return DurableRunner(self.cns, self.registry, store, handle_sigterm=False, **options)

    def order(self, number: int = 0, note: str = "") -> Signal[Order]:
        return self.ordered.create_signal(Order(number, note))

    def release(self) -> None:
        self._hold.set()


async def sell(runner: DurableRunner, shop: Shop, stimulation_id: str, note: str = "", number: int = 0) -> None:
    """Start a run and wait for its end, however it ends."""
    await settled(await runner.stimulate(shop.order(number, note), stimulation_id=stimulation_id))


async def settled(run: DurableRun) -> None:
    """Wait for the end of a run, however it ends."""
    with suppress(StimulationFailed):
        await run
