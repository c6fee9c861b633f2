"""A run that takes its worker process down each time that it is run, among runs that do not."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any, Final

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, Signal, collateral, neuron
from tests.fire.waiting import Order
from tests.fire.working import HEARTBEAT, LEASE

__all__ = ["BOMB", "POSTED", "keep_opening", "mail"]

BOMB: Final = 13

POSTED: Final = collateral(Order, name="posted")


def mail(folder: str = "") -> tuple[CNS[Any], CNSPersistOptionsRegistry]:
    """Return ``opener`` -> ``reader``; the parcel number `BOMB` goes off unless the file ``defused`` is in *folder*."""
    opened = collateral(Order, name="opened")
    opener, reader = neuron({"opened": opened}, name="opener"), neuron({}, name="reader")

    @opener.dendrite(POSTED)
    def open_parcel(payload: Order) -> Signal[Order]:
        if payload.number == BOMB and not Path(folder, "defused").exists():
            os._exit(3)
        return opened.create_signal(payload)

    @reader.dendrite(opened)
    async def read(payload: Order) -> None:
        await asyncio.sleep(0.01)

    registry = CNSPersistOptionsRegistry().register("opener", opener).register("reader", reader)
    return CNS([opener, reader]), registry.register_collateral("posted", POSTED)


async def keep_opening(url: str, folder: str, max_recoveries: int) -> None:
    """Open whatever is posted, until it goes off."""
    cns, registry = mail(folder)
    async with DurableRunner(
        cns, registry, url, lease=LEASE, heartbeat=HEARTBEAT, poll=0.1, max_recoveries=max_recoveries
    ):
        await asyncio.Event().wait()
