"""The feed as server-sent events."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cnstra.devtools.answering import json_bytes
from cnstra.devtools.asking import Asked
from cnstra.devtools.feed import Event, Feed
from cnstra.devtools.refs import name_of

__all__ = ["EventRoutes"]

HEARTBEAT: Final = 15.0
"""Seconds without news after which a comment is sent, so that nobody on the way takes the connection for dead."""
_BLINK: Final = 0.5
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@final
@dataclass(frozen=True, slots=True)
class EventRoutes:
    """Streams what changes.

    Attributes:
        feed: Tells of it.
        heartbeat: Seconds of silence before a comment.
    """

    feed: Feed
    heartbeat: float = HEARTBEAT

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/events", self.stream, methods=["GET"])]

    async def stream(self, request: Request) -> Response:
        """Stream events until the client goes or the server stops."""
        asked = Asked(request, "run", "last_event_id")
        run, given = asked.text("run"), asked.text("last_event_id")
        last_event_id = request.headers.get("last-event-id") or given
        followed = None if run is None else name_of(run)
        self.feed.require_room()
        # Nothing is held before the first line is asked for: a client that has gone by then never asks.
        lines = self._lines(followed, last_event_id) if request.method == "GET" else _nothing()
        return StreamingResponse(lines, media_type="text/event-stream", headers=_HEADERS)

    async def _lines(self, run: str | None, last_event_id: str | None) -> AsyncIterator[bytes]:
        yield b"retry: 1000\n\n"
        async with self.feed.subscribe(run, last_event_id) as subscription:
            silence = 0.0
            while not subscription.is_over and not server_is_leaving():
                events = await subscription.take(_BLINK)
                silence = 0.0 if events else silence + _BLINK
                if events:
                    yield b"".join(_written(event) for event in events)
                elif silence >= self.heartbeat:
                    silence = 0.0
                    yield b": nothing new\n\n"


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield  # makes it a generator


def _written(event: Event) -> bytes:
    head = f"id: {event.id}\nevent: {event.change.kind}\ndata: ".encode()
    return head + json_bytes(event.change.data) + b"\n\n"


def server_is_leaving() -> bool:
    """Tell whether the uvicorn that serves this process has been told to stop.

    It waits for its connections before it tells an application, and it never tells a mounted one; but the handler that
    it has for signals is a method of the server.
    """
    handler = signal.getsignal(signal.SIGTERM)
    return getattr(getattr(handler, "__self__", None), "should_exit", False) is True
