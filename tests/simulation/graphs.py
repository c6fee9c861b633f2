"""The graphs of the simulation: small random ones, whose handlers write down that they were called."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, final

from cnstra import (
    CNS,
    CNSPersistOptionsRegistry,
    Collateral,
    HandlerContext,
    Neuron,
    Signal,
    collateral,
    with_ctx,
)
from tests.durability.shapes import Broken, Memory, Node, Outcome, Shape, Token, outputs, random_shape, reference
from tests.simulation.loop import SimulatedLoop
from tests.simulation.plans import SHAPES_EACH

__all__ = ["Pack", "pack"]

Context = HandlerContext[Memory, Any]
_MAX_HOPS = 12
_KEY = "r"


@final
class Pack:
    """A few shapes with their neurons, registry and reference outcomes; made once, and used by many processes."""

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self.shapes = shapes
        self.outcomes: list[Outcome] = [reference(shape, _KEY) for shape in shapes]
        self.nodes = {node.name: node for shape in shapes for node in shape.nodes}
        self.takers: dict[str, int] = {}
        for node in self.nodes.values():
            self.takers[node.collateral] = self.takers.get(node.collateral, 0) + 1
        self._collaterals: dict[str, Collateral[Token]] = {name: collateral(Token, name=name) for name in self.nodes}
        self._neurons = [{node.name: self._neuron(node) for node in shape.nodes} for shape in shapes]
        self._registries: dict[frozenset[int], CNSPersistOptionsRegistry] = {}

    def cns(self, shapes: frozenset[int]) -> CNS[Any]:
        """Return a graph for one process: limits of concurrency must not be shared with others."""
        return CNS([neuron for shape in sorted(shapes) for neuron in self._neurons[shape].values()])

    def registry(self, shapes: frozenset[int]) -> CNSPersistOptionsRegistry:
        """Return the names in a version of the code that has these shapes and no others."""
        found = self._registries.get(shapes)
        if found is None:
            found = self._registries[shapes] = CNSPersistOptionsRegistry()
            for shape in sorted(shapes):
                for name, neuron in self._neurons[shape].items():
                    found.register_collateral(name, self._collaterals[name])
                    found.register(name, neuron)
        return found

    def entry(self, shape: int) -> Signal[Token]:
        """Return the signal that a run of that shape starts with."""
        return self._collaterals[self.shapes[shape].nodes[0].name].create_signal(Token(_KEY))

    def _neuron(self, node: Node) -> Neuron[Any]:
        targets = {node.collateral, *node.to} if node.rounds else set(node.to)
        neuron = with_ctx(Memory).neuron({name: self._collaterals[name] for name in sorted(targets)}, name=node.name)

        def handle(payload: Token, axon: Any, ctx: Context) -> list[Signal[Token]]:
            return self._run(node, payload, ctx)

        async def handle_later(payload: Token, axon: Any, ctx: Context) -> list[Signal[Token]]:
            emitted = self._run(node, payload, ctx)
            await asyncio.sleep(_here().process.world.handler_takes())
            return emitted

        if node.waits and node.remembers:
            neuron.set_concurrency(1)  # else a sibling that settles first would commit what is not done yet
        neuron.dendrite(self._collaterals[node.collateral], handle_later if node.waits else handle)
        return neuron

    def _run(self, node: Node, token: Token, ctx: Context) -> list[Signal[Token]]:
        process = _here().process
        calls = process.world.journal.called(process, ctx.activation_id, node.name, token, ctx.attempt_number)
        if calls <= node.flaky:
            raise Broken(token.key)
        memory = ctx.get() or Memory()
        emitted = outputs(node, token, memory)
        if node.remembers:
            ctx.set(memory)
        return [self._collaterals[name].create_signal(one) for name, one in emitted]


def _here() -> SimulatedLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimulatedLoop)
    return loop


@cache
def pack(number: int) -> Pack:
    """Return pack *number*: always the same shapes."""
    dice = random.Random(f"pack {number}")
    shapes: list[Shape] = []
    while len(shapes) < SHAPES_EACH:
        shape = random_shape(dice.randrange(1_000_000))
        if dice.random() < 0.3:
            shape = _breaking(shape, dice)
        if sum(reference(shape, _KEY).done.values()) <= _MAX_HOPS:
            shapes.append(shape)
    return Pack(shapes)


def _breaking(shape: Shape, dice: random.Random) -> Shape:
    """Let one node of *shape* fail for good for some of its keys, and no other one at all."""
    nodes = [replace(node, flaky=0) for node in shape.nodes]
    number = dice.randrange(len(nodes))
    keys = sorted({key for name, key, _ in reference(shape, _KEY).done if name == nodes[number].name})
    if keys:
        nodes[number] = replace(nodes[number], breaks=dice.choice(keys))
    return Shape(shape.name, tuple(nodes))
