"""Workers whose runs are limited by their keys, and who have a schedule."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, Limit, collateral, neuron
from cnstra.core.context import HandlerContext
from cnstra.errors import StoreError
from tests.fire.effects import Effect, Effects, Try
from tests.fire.working import CANNOT_BEGIN, HEARTBEAT, LEASE, surroundings

__all__ = ["AT_ONCE", "ERRAND", "EVERY", "LIMITS", "MAIL", "RATE", "TICK", "Errand", "errands", "keep_to_limits"]

AT_ONCE: Final = 2
RATE: Final = (5, 1.0)
MAIL: Final = "mail"
LIMITS: Final = {"customer-*": Limit(concurrency=AT_ONCE), MAIL: Limit(rate=RATE)}

TICK: Final = "tick"
EVERY: Final = 1.0


@dataclass(frozen=True, slots=True)
class Errand:
    """What a run is about."""

    name: str


ERRAND: Final = collateral(Errand, name="errand")


def errands(folder: str | None = None) -> tuple[CNS[Any], CNSPersistOptionsRegistry]:
    """Return a graph of one neuron that takes a moment, and leaves its traces in *folder*."""
    effects = None if folder is None else Effects(Path(folder))
    runner = neuron({}, name="runner")

    @runner.dendrite(ERRAND)
    async def run(payload: Errand, axon: Any, ctx: HandlerContext[Any, Any]) -> None:
        assert effects is not None
        run_id = ctx.activation_id.rpartition(":")[0]
        effects.tried(Try(run_id, ctx.activation_id, ctx.attempt_number, os.getpid(), payload.name))
        await asyncio.sleep(0.05)
        effects.happen(Effect(ctx.activation_id, run_id))

    registry = CNSPersistOptionsRegistry().register("runner", runner)
    return CNS([runner]), registry.register_collateral("errand", ERRAND)


async def keep_to_limits(url: str, folder: str, *, careless: bool = False, **options: Any) -> None:
    """Do whatever the limits let start, and what the clock says, until somebody puts an end to it."""
    cns, registry = errands(folder)
    around = surroundings(careless=careless)
    runner = DurableRunner(
        cns,
        registry,
        url,
        limits=LIMITS,
        lease=LEASE,
        heartbeat=HEARTBEAT,
        poll=0.1,
        max_recoveries=None,
        _surroundings=around,
        **options,
    )
    runner.schedule(TICK, signal=ERRAND.create_signal(Errand(TICK)), every=EVERY, missed="all")
    try:
        await runner.open()
    except StoreError as error:  # whoever started this process starts another one
        print("cannot begin:", error)  # noqa: T201 - into the log of the crew
        sys.exit(CANNOT_BEGIN)
    await asyncio.Event().wait()
