"""An application whose runs can be looked at and acted on; its names and errors do their worst to a terminal."""

import asyncio
from dataclasses import dataclass
from typing import Any

from cnstra import CNS, Axon, DurableRunner, MemoryStore, Signal, collateral, create_persist_registry, neuron
from cnstra.core.context import HandlerContext

HOSTILE = "\x1b[31mred\x07 \u202e[bold]"


@dataclass(frozen=True, slots=True)
class Order:
    number: int
    note: str = ""


class Billed(Axon):
    billed = collateral(Order)


ordered = collateral(Order, name="ordered")
billing = neuron(Billed, name="billing")
shipping = neuron({}, name="shipping")


@billing.dendrite(ordered)
async def bill(order: Order, axon: Billed, ctx: HandlerContext[Any, Any]) -> Signal[Order]:
    if order.note == "broken" or (order.note == "flaky" and ctx.attempt_number == 1):
        raise ValueError(HOSTILE)
    if order.note == "hold":
        aborted = asyncio.Event()
        loop = asyncio.get_running_loop()
        ctx.abort_signal.add_callback(lambda: loop.call_soon_threadsafe(aborted.set))
        await aborted.wait()
    return axon.billed.create_signal(order)


@shipping.dendrite(Billed.billed)
def ship(order: Order) -> None: ...


cns = CNS([billing, shipping])
registry = create_persist_registry({"billing": billing, "shipping": shipping})
registry.register_collateral("ordered", ordered)


def runner_of(store: Any, **options: Any) -> DurableRunner:
    """Return a runner of the shop."""
    return DurableRunner(cns, registry, store, **options)


runner = runner_of(MemoryStore())
scoped = runner_of(MemoryStore(), scope="north")
