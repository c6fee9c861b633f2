"""Small graphs whose handlers do what a test says."""

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cnstra import CNS, CNSPersistOptionsRegistry, Collateral, Neuron, Signal, collateral, neuron
from cnstra.core.context import HandlerContext


@dataclass(frozen=True, slots=True)
class Item:
    n: int


Context = HandlerContext[Any, Any]
Body = Callable[[Item, Context], Any]
"""What a neuron does: returns `None`, an item for the next neuron, or a list of them; may be a coroutine function."""


def pass_on(item: Item, ctx: Context) -> Item:
    return item


@dataclass
class Graph:
    """A graph with its registry, and a list of what its handlers ran: ``"n1:7"`` for neuron n1 with item 7."""

    cns: CNS[Any]
    registry: CNSPersistOptionsRegistry
    entry: Collateral[Item]
    neurons: list[Neuron[Any]]
    collaterals: list[Collateral[Item]]
    ran: list[str]

    def signal(self, n: int = 0) -> Signal[Item]:
        return self.entry.create_signal(Item(n))


def line(*bodies: Body, named: bool = True, **options: Any) -> Graph:
    """Return n0 -> n1 -> ..., each with its body; neuron n<i> listens on c<i>; *options* are those of `CNS`."""
    ran: list[str] = []
    collaterals = [collateral(Item, name=f"c{index}") for index in range(len(bodies) + 1)]
    neurons: list[Neuron[Any]] = []
    for index, body in enumerate(bodies):
        one = neuron({f"c{index + 1}": collaterals[index + 1]}, name=f"n{index}")
        one.dendrite(collaterals[index], handler(f"n{index}", body, collaterals[index + 1], ran))
        neurons.append(one)
    registry = CNSPersistOptionsRegistry()
    if named:
        registry.register_collateral("c0", collaterals[0])
        for one in neurons:
            registry.register(one.label, one)
    return Graph(CNS(neurons, **options), registry, collaterals[0], neurons, collaterals, ran)


def handler(name: str, body: Body, output: Collateral[Item], ran: list[str]) -> Callable[..., Any]:
    """Return a handler that notes that it ran, and emits what *body* returns on *output*."""

    def signals(result: Any) -> list[Signal[Item]] | None:
        if result is None:
            return None
        return [output.create_signal(one) for one in (result if isinstance(result, list) else [result])]

    def handle(payload: Item, axon: Any, ctx: Context) -> Any:
        ran.append(f"{name}:{payload.n}")
        return signals(body(payload, ctx))

    async def handle_later(payload: Item, axon: Any, ctx: Context) -> Any:
        ran.append(f"{name}:{payload.n}")
        return signals(await body(payload, ctx))

    return handle_later if inspect.iscoroutinefunction(body) else handle


def line_that_waits() -> tuple[Graph, asyncio.Event]:
    """Return a graph of one neuron whose handler waits for an event, and the event."""
    release = asyncio.Event()

    async def wait(item: Item, ctx: Context) -> None:
        await release.wait()

    return line(wait), release


class Boom(Exception):
    """What a handler raises in these tests."""


class Switch:
    """A body that raises while it is on, and passes its item on when it is off."""

    def __init__(self, *, on: bool = True) -> None:
        self.on = on

    def __call__(self, item: Item, ctx: Context) -> Item:
        if self.on:
            raise Boom(f"item {item.n}")
        return item
