"""A process of the shop that dies: it starts an order that waits, says so, and is killed (``python -m``, a store)."""

from __future__ import annotations

import asyncio
import sys

from tests.devtools.browser.bookshop import Bookshop

LEASE = 1.0
"""Seconds after which everybody knows that it is dead."""


async def main(store_url: str) -> None:
    """Work until the end."""
    shop = Bookshop()
    async with shop.runner(store_url, worker_id="doomed", lease=LEASE) as runner:
        run = await runner.stimulate(shop.order(1, "hold"), stimulation_id="order-1")
        while not (info := await runner.get(run.stimulation_id)) or info.hop_count < HOPS:  # noqa: ASYNC110 - it is stored
            await asyncio.sleep(0.02)
        sys.stdout.write("waiting\n")
        sys.stdout.flush()
        await run


HOPS = 8
"""What can be done of an order that is held: all but the parcel, and what comes after it."""

if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
