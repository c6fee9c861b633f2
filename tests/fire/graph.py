"""The graphs that burn: those of `tests.durability.shapes`, with handlers that touch the world outside."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterable, Sequence
from typing import Any, final

from cnstra import CNS, CNSPersistOptionsRegistry, Collateral, Neuron, Signal, collateral, with_ctx
from cnstra.core.context import HandlerContext
from tests.durability.shapes import (
    CHAIN,
    FAILING,
    FAN_IN,
    FAN_OUT,
    LOOP,
    RETRYING,
    SHARED,
    Broken,
    Memory,
    Node,
    Shape,
    Token,
    outputs,
)
from tests.fire.effects import Effect, Effects, Try

__all__ = ["SHAPES", "FireGraph", "meaning_of", "run_id_of", "shape_of"]

SHAPES = (CHAIN, FAN_OUT, FAN_IN, LOOP, RETRYING, FAILING, SHARED)

Context = HandlerContext[Memory, Any]


def run_id_of(number: int) -> str:
    """Return the id of a run, which tells its shape."""
    return f"{SHAPES[number % len(SHAPES)].name}-{number}"


def shape_of(run_id: str) -> Shape:
    """Return the shape of a run."""
    return next(shape for shape in SHAPES if shape.name == run_id.rpartition("-")[0])


def meaning_of(neuron: str, token: Token) -> str:
    """Return what an activation is about: its id must never be another one's."""
    return f"{neuron} {token.key}/{token.round}"


@final
class FireGraph:
    """One CNS of all shapes, and its registry.

    Args:
        effects: Where its handlers leave traces; ``None`` for a graph that only starts runs.
        pause: For how many seconds a handler that waits does so at most; it is a matter of chance.
        shapes: What it can run.
    """

    def __init__(self, effects: Effects | None = None, pause: float = 0.0, shapes: Iterable[Shape] = SHAPES) -> None:
        self._effects = effects
        self._pause = pause
        nodes = [node for shape in shapes for node in shape.nodes]
        self.collaterals: dict[str, Collateral[Token]] = {
            node.name: collateral(Token, name=node.name) for node in nodes
        }
        self.registry = CNSPersistOptionsRegistry()
        for name, one in self.collaterals.items():
            self.registry.register_collateral(name, one)
        self.cns = CNS([self._neuron(node) for node in nodes])

    def entry(self, run_id: str) -> Signal[Token]:
        """Return what a run starts with."""
        return self.collaterals[shape_of(run_id).nodes[0].name].create_signal(Token("r"))

    def _neuron(self, node: Node) -> Neuron[Any]:
        targets = {node.collateral, *node.to} if node.rounds else set(node.to)
        neuron = with_ctx(Memory).neuron({name: self.collaterals[name] for name in sorted(targets)}, name=node.name)

        def handle(payload: Token, axon: Any, ctx: Context) -> Sequence[Signal[Token]]:
            self._try(node, payload, ctx)
            return self._do(node, payload, ctx)

        async def handle_later(payload: Token, axon: Any, ctx: Context) -> Sequence[Signal[Token]]:
            self._try(node, payload, ctx)
            await asyncio.sleep(random.uniform(0, self._pause))
            return self._do(node, payload, ctx)

        if node.waits and node.remembers:
            neuron.set_concurrency(1)
        neuron.dendrite(self.collaterals[node.collateral], handle_later if node.waits else handle)
        self.registry.register(node.name, neuron)
        return neuron

    def _try(self, node: Node, token: Token, ctx: Context) -> None:
        assert self._effects is not None, "this process only starts runs"
        run_id = ctx.activation_id.rpartition(":")[0]
        meaning = meaning_of(node.name, token)
        self._effects.tried(Try(run_id, ctx.activation_id, ctx.attempt_number, os.getpid(), meaning))

    def _do(self, node: Node, token: Token, ctx: Context) -> Sequence[Signal[Token]]:
        assert self._effects is not None, "this process only starts runs"
        if node.flaky and self._effects.has_failed(ctx.activation_id) < node.flaky:
            self._effects.fail(ctx.activation_id)
            raise Broken(token.key)
        memory = ctx.get() or Memory()
        emitted = outputs(node, token, memory)
        self._effects.happen(Effect(ctx.activation_id, meaning_of(node.name, token)))
        if node.remembers:
            ctx.set(memory)
        return [self.collaterals[name].create_signal(one) for name, one in emitted]
