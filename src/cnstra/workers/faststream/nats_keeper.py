"""Telling NATS from a thread that jobs are being worked on, whatever a handler does to the event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, final

import nats

if TYPE_CHECKING:
    from faststream.nats import NatsBroker
    from nats.aio.client import Client

__all__ = ["AckKeeper"]

logger = logging.getLogger("cnstra")

_PARTS: Final = 4
"""How often the server is told in the time that it waits."""
_IN_PROGRESS: Final = b"+WPI"
_JOIN: Final = 5.0


@final
class AckKeeper:
    """Renews the time that the server waits for an acknowledgement of each job in hand.

    It works in a thread with an event loop and a connection of its own, so a second connection with the options of the
    broker's is made.

    Args:
        broker: Whose connection it is like.
        ack_wait: For how many seconds the server waits.
    """

    def __init__(self, broker: NatsBroker, ack_wait: float) -> None:
        self._broker = broker
        self._pause = ack_wait / _PARTS
        self._held: set[str] = set()
        self._thread: threading.Thread | None = None
        self._is_stopped = threading.Event()
        self._wake: Callable[[], object] | None = None

    def hold(self, reply: str) -> None:
        """Renew the time of the delivery that is acknowledged at this subject from now on."""
        self._held.add(reply)

    def release(self, reply: str) -> None:
        """Leave it alone from now on."""
        self._held.discard(reply)

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._thread is None:
            options = _like(self._broker)
            self._thread = threading.Thread(
                target=lambda: asyncio.run(self._keep(options)), name="cnstra-nats", daemon=True
            )
            self._thread.start()

    async def stop(self) -> None:
        """End, and disconnect."""
        self._is_stopped.set()
        if self._wake is not None:
            self._wake()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, _JOIN)

    # ---- in the thread ---------------------------------------------------------------------------------------

    async def _keep(self, options: dict[str, Any]) -> None:
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(woken.set)
        renewing = asyncio.create_task(self._renew_always(options))
        try:
            if not self._is_stopped.is_set():
                await woken.wait()
        finally:
            self._wake = None
            renewing.cancel()
            await asyncio.wait([renewing])

    async def _renew_always(self, options: dict[str, Any]) -> None:
        client = await nats.connect(**options)
        try:
            while True:
                await asyncio.sleep(self._pause)
                if client.is_connected:
                    await self._renew(client)
        finally:
            await client.close()

    async def _renew(self, client: Client) -> None:
        for reply in list(self._held):
            if reply in self._held:  # it may have been answered meanwhile
                try:
                    await client.publish(reply, _IN_PROGRESS)
                except nats.errors.Error as error:
                    logger.debug("NATS could not be told that a job is being worked on: %s", error)


def _like(broker: NatsBroker) -> dict[str, Any]:
    """Return the options of a connection like the broker's, which stands any number of outages and tells of none."""
    given = broker._connection_kwargs  # noqa: SLF001 - there is no other way to them, and the version is pinned
    credentials = {"signature_cb", "user_jwt_cb"}
    options = {name: value for name, value in given.items() if not name.endswith("_cb") or name in credentials}
    return options | {"allow_reconnect": True, "max_reconnect_attempts": -1, "error_cb": _ignore}


async def _ignore(error: Exception) -> None:
    logger.debug("the connection that renews acknowledgements: %r", error)
