"""Two versions of one program: the second one has a neuron, and names, that the first one does not know."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

from cnstra import CNS, CNSPersistOptionsRegistry, Collateral, DurableRunner, Neuron, Signal, collateral, neuron
from cnstra.core.context import HandlerContext
from tests.fire.effects import Effect, Effects, Try
from tests.fire.waiting import Order
from tests.fire.working import HEARTBEAT, LEASE

__all__ = ["ORDERED", "STEPS", "Version", "keep_serving", "program"]

Version = Literal["old", "new"]

ORDERED: Final = collateral(Order, name="ordered")
"""The entry of both versions."""

STEPS: Final[dict[Version, tuple[str, ...]]] = {"old": ("pack", "send"), "new": ("pack", "insure", "send")}
"""The neurons of each version, in the order in which they pass an order on."""

_LISTENS: Final = {"pack": "ordered", "insure": "packed", "send": "sendable"}
_SECONDS: Final = {"pack": 0.02, "insure": 0.3, "send": 0.02}


def program(version: Version, effects: Effects | None = None) -> tuple[CNS[Any], CNSPersistOptionsRegistry]:
    """Return the graph of a version, and its names."""
    steps = STEPS[version]
    channels: dict[str, Collateral[Order]] = {"ordered": ORDERED}
    channels |= {_LISTENS[step]: collateral(Order, name=_LISTENS[step]) for step in steps[1:]}
    registry = CNSPersistOptionsRegistry()
    for name, channel in channels.items():
        registry.register_collateral(name, channel)
    neurons: list[Neuron[Any]] = []
    for step, following in zip(steps, (*steps[1:], None), strict=True):
        to = {} if following is None else {_LISTENS[following]: channels[_LISTENS[following]]}
        one = neuron(to, name=step).dendrite(channels[_LISTENS[step]], _handler(version, step, to, effects))
        registry.register(step, one)
        neurons.append(one)
    return CNS(neurons), registry


def _handler(version: str, step: str, to: dict[str, Collateral[Order]], effects: Effects | None) -> Callable[..., Any]:
    async def handle(payload: Order, axon: Any, ctx: HandlerContext[Any, Any]) -> list[Signal[Order]]:
        assert effects is not None
        run_id = ctx.activation_id.rpartition(":")[0]
        effects.tried(Try(run_id, ctx.activation_id, ctx.attempt_number, os.getpid(), f"{version} {step}"))
        await asyncio.sleep(_SECONDS[step])
        effects.happen(Effect(ctx.activation_id, step))
        return [channel.create_signal(payload) for channel in to.values()]

    return handle


async def keep_serving(url: str, folder: str, version: Version) -> None:
    """Do what this version can do, until somebody puts an end to it."""
    cns, registry = program(version, Effects(Path(folder)))
    async with DurableRunner(cns, registry, url, lease=LEASE, heartbeat=HEARTBEAT, poll=0.1):
        await asyncio.Event().wait()
