"""A run whose first handler keeps its process, event loop and all, waiting for a file to appear."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cnstra import CNS, Axon, CNSPersistOptionsRegistry, DurableRunner, Signal, collateral, neuron
from cnstra.core.context import HandlerContext
from cnstra.errors import CNSError
from tests.fire.effects import Effect, Effects, Try
from tests.fire.working import surroundings

__all__ = ["LEASE", "RUN_ID", "Order", "stand_by", "start_and_tell", "waiting_graph"]

RUN_ID: Final = "patience"
LEASE: Final = 1.5
HEARTBEAT: Final = 0.3


@dataclass(frozen=True, slots=True)
class Order:
    number: int


class Doors(Axon):
    opened = collateral(Order)


knocked = collateral(Order, name="knocked")


def waiting_graph(folder: str | None) -> tuple[CNS[Any], CNSPersistOptionsRegistry]:
    """Return ``waiter`` -> ``taker``: in the first attempt ``waiter`` returns once the file ``go`` is in *folder*."""
    effects = None if folder is None else Effects(Path(folder))
    doors = Doors()
    waiter = neuron({"opened": doors.opened}, name="waiter")
    taker = neuron({}, name="taker")

    def note(ctx: HandlerContext[Any, Any], what: str) -> None:
        assert effects is not None
        effects.tried(Try(RUN_ID, ctx.activation_id, ctx.attempt_number, os.getpid(), what))

    @waiter.dendrite(knocked)
    def wait(payload: Order, axon: Any, ctx: HandlerContext[Any, Any]) -> Signal[Order]:
        note(ctx, "waiter")
        if ctx.attempt_number == 1:
            _wait_for(Path(folder or "") / "go")
        assert effects is not None
        effects.happen(Effect(ctx.activation_id, "waiter"))
        return doors.opened.create_signal(payload)

    @taker.dendrite(doors.opened)
    def take(payload: Order, axon: Any, ctx: HandlerContext[Any, Any]) -> None:
        note(ctx, "taker")
        ctx.set(payload.number)

    registry = CNSPersistOptionsRegistry().register("waiter", waiter).register("taker", taker)
    registry.register_collateral("knocked", knocked)
    return CNS([waiter, taker]), registry


def _wait_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.005)


async def start_and_tell(url: str, folder: str, *, careless: bool = False) -> None:
    """Start the run, and leave the class of what awaiting it raised in the file ``told``.

    Args:
        url: The store.
        folder: Where the files are.
        careless: See `surroundings`.
    """
    cns, registry = waiting_graph(folder)
    told = "nothing"
    around = surroundings(careless=careless)
    async with DurableRunner(
        cns, registry, url, lease=LEASE, heartbeat=HEARTBEAT, poll=0.3, _surroundings=around
    ) as runner:
        run = await runner.stimulate(knocked.create_signal(Order(7)), stimulation_id=RUN_ID)
        try:
            await run
        except CNSError as error:
            told = type(error).__name__
    Path(folder, "told").write_text(told)  # noqa: ASYNC240 - nothing else goes on here


async def stand_by(url: str, folder: str) -> None:
    """Take whatever is free."""
    cns, registry = waiting_graph(folder)
    async with DurableRunner(cns, registry, url, lease=LEASE, heartbeat=HEARTBEAT, poll=0.1):
        await asyncio.Event().wait()
