"""The feed as server-sent events."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from typing import Final, final

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from cnstra.devtools.asking import Asked
from cnstra.devtools.feed import Event, Feed, Subscription
from cnstra.inspection.encoding import json_bytes
from cnstra.inspection.refs import name_of

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
        return _Stream(self.feed, None if run is None else name_of(run), last_event_id, self.heartbeat)


@final
class _Stream(Response):
    """Watches for exactly as long as it is sent."""

    media_type = "text/event-stream"

    def __init__(self, feed: Feed, run: str | None, last_event_id: str | None, heartbeat: float) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self.background: BackgroundTask | None = None
        self._feed = feed
        self._run = run
        self._last_event_id = last_event_id
        self._heartbeat = heartbeat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events, or the head alone if no more is asked for."""
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        if scope["method"] == "HEAD":
            await send(start)
            await send({"type": "http.response.body", "body": b""})
            return
        async with self._feed.subscribe(self._run, self._last_event_id) as subscription:
            leaving = asyncio.create_task(_end_when_gone(receive, subscription))
            try:
                await send(start)
                await self._send_events(subscription, send)
                await send({"type": "http.response.body", "body": b""})
            finally:
                leaving.cancel()
                await asyncio.wait([leaving])

    async def _send_events(self, subscription: Subscription, send: Send) -> None:
        text, silence = b"retry: 1000\n\n", 0.0
        while not subscription.is_over and not server_is_leaving():
            if text:
                await send({"type": "http.response.body", "body": text, "more_body": True})
            events = await subscription.take(_BLINK)
            text = b"".join(_written(event) for event in events)
            silence = 0.0 if text else silence + _BLINK
            if silence >= self._heartbeat:
                text, silence = b": nothing new\n\n", 0.0


async def _end_when_gone(receive: Receive, subscription: Subscription) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    subscription.end()


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
