"""Live updates: one look-out at the store for all who watch, and for each of them a small box of news."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple, final

from cnstra.devtools.problems import ApiProblem
from cnstra.devtools.watching import Change, Lookout
from cnstra.errors import StoreError

__all__ = ["Event", "Feed", "Subscription"]

_logger = logging.getLogger("cnstra.devtools")

MAX_SUBSCRIPTIONS: Final = 64
BOX: Final = 256
"""Events that wait for one client; a slower one is told to fetch everything again."""
REMEMBERED: Final = 1_000
LINGER: Final = 30.0
"""Seconds that the store is still watched after the last client has gone: it may come back."""
QUICK: Final = 0.2
SLOW: Final = 2.0
EASE: Final = 4.0
"""How many times as long as a look has taken the store is left alone after it: its runs may be large."""
CLOCK_SLACK: Final = 5.0
"""Seconds by which what is committed later may bear an earlier time."""


class Event(NamedTuple):
    """One piece of news, and its place in the feed."""

    id: str
    change: Change


@final
class Subscription:
    """What waits for one client: of several changes of one thing, the last.

    Attributes:
        run: The id of the only run that it wants to hear of; ``None`` for all.
        overflows: How often it was so slow that its box was emptied.
    """

    def __init__(self, run: str | None, size: int = BOX) -> None:
        self.run = run
        self.overflows = 0
        self.is_over = False
        self._size = size
        self._box: dict[tuple[str, str], Event] = {}
        self._news = asyncio.Event()

    def put(self, event: Event) -> None:
        """Add an event; never waits."""
        change = event.change
        if self.run is not None and change.runs is not None and self.run not in change.runs:
            return
        key = ("run" if change.kind == "gone" else change.kind, change.about)
        self._box.pop(key, None)
        if len(self._box) >= self._size:
            self.overflows += 1
            self._box.clear()
            event = Event(event.id, Change("resync", "", {"reason": "this client was too slow"}))
            key = ("resync", "")
        self._box[key] = event
        self._news.set()

    def end(self) -> None:
        """Have `take` return at once from now on."""
        self.is_over = True
        self._news.set()

    async def take(self, seconds: float) -> list[Event]:
        """Return what waits, in order, as soon as there is something; nothing after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        events = list(self._box.values())
        self._box.clear()
        if not self.is_over:
            self._news.clear()
        return events


@final
class Feed:
    """Tells all who subscribe what changes in the store; looks at it only while somebody does.

    An event's id is the name of this feed, a number, and a time by the store's clock: after a restart the numbers mean
    nothing any more, but the time does.

    Args:
        lookout: Looks at the store.
        wait: Returns when work may have come to the store, or after so many seconds.
    """

    def __init__(self, lookout: Lookout, wait: Callable[[float], Awaitable[object]]) -> None:
        self._lookout = lookout
        self._wait = wait
        self._name = secrets.token_hex(4)
        self._count = 0
        self._gap_at = 0
        """The events up to this number may have been followed by changes that nobody looked for."""
        self._past: deque[tuple[int, Event]] = deque(maxlen=REMEMBERED)
        self._subscriptions: set[Subscription] = set()
        self._overflows = 0
        self._task: asyncio.Task[None] | None = None
        self._has_looked = asyncio.Event()
        self._is_store_there = True
        self._is_closed = False

    def numbers(self) -> Mapping[str, int]:
        """Return how many watch, how many events there were, and how often a client was too slow for them."""
        overflows = self._overflows + sum(one.overflows for one in self._subscriptions)
        return {"clients": len(self._subscriptions), "events": self._count, "overflows": overflows}

    @asynccontextmanager
    async def subscribe(self, run: str | None, last_event_id: str | None) -> AsyncIterator[Subscription]:
        """Watch for as long as the context is open.

        Args:
            run: Only what concerns the run of this id.
            last_event_id: What the client got last, if it has been here before.

        Raises:
            ApiProblem: If too many watch already, or the server is about to stop.
        """
        if self._is_closed or len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            detail = "the server stops" if self._is_closed else f"{MAX_SUBSCRIPTIONS} clients watch already"
            raise ApiProblem(503, "too_many_streams", detail, {"Retry-After": "5"})
        subscription = Subscription(run)
        self._subscriptions.add(subscription)
        try:
            self._start()
            await self._greet(subscription, last_event_id)
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            self._overflows += subscription.overflows

    async def close(self) -> None:
        """End all subscriptions, and stop watching."""
        self.end()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def end(self) -> None:
        """End all subscriptions, and take no more."""
        self._is_closed = True
        for subscription in self._subscriptions:
            subscription.end()

    # ---- a client that comes ---------------------------------------------------------------------------------

    async def _greet(self, subscription: Subscription, last_event_id: str | None) -> None:
        with suppress(TimeoutError):  # a store that is out of reach is told of when that is known
            async with asyncio.timeout(SLOW):
                await self._has_looked.wait()
        subscription.put(self._event(Change("hello", "", {"feed": self._name, "is_store_there": self._is_store_there})))
        if last_event_id is None:
            return
        name, number, at = _parsed(last_event_id)
        if name != self._name:
            for run in sorted(self._lookout.runs, key=lambda run: run.updated_at):
                if run.updated_at > at - CLOCK_SLACK:
                    subscription.put(self._event(self._lookout.change_of(run)))
            subscription.put(self._event(Change("resync", "", {"reason": "the server has started anew"})))
        elif number < self._gap_at or (self._past and self._past[0][0] > number + 1):
            subscription.put(self._event(Change("resync", "", {"reason": "that was too long ago"})))
        else:
            for count, event in self._past:
                if count > number:
                    subscription.put(event)

    def _event(self, change: Change) -> Event:
        return Event(f"{self._name}.{self._count}.{self._lookout.latest:.6f}", change)

    # ---- watching --------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._gap_at = self._count = self._count + 1
            self._has_looked.clear()
            self._task = asyncio.create_task(self._watch(), name="cnstra devtools feed")

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        pause, deserted_at = QUICK, clock()
        while clock() < deserted_at + LINGER:
            if self._subscriptions:
                deserted_at = clock()
            began = clock()
            pause = QUICK if await self._look() else min(pause * 1.5, SLOW)
            await self._rest(max(pause, EASE * (clock() - began)))

    async def _look(self) -> bool:
        """Tell everybody what has changed; return whether anything has."""
        followed = {one.run for one in self._subscriptions if one.run is not None}
        try:
            changes = await self._lookout.look(followed)
        except StoreError as error:
            changes = [Change("store", "", {"is_there": False, "detail": str(error)})] if self._is_store_there else []
            self._is_store_there = False
        except Exception:
            _logger.exception("DevTools cannot watch the store; they go on trying")
            changes = []
        else:
            if not self._is_store_there:
                changes.insert(0, Change("store", "", {"is_there": True, "detail": None}))
            self._is_store_there = True
        self._has_looked.set()
        for change in changes:
            self._publish(change)
        return bool(changes)

    def _publish(self, change: Change) -> None:
        self._count += 1
        event = self._event(change)
        self._past.append((self._count, event))
        for subscription in self._subscriptions:
            subscription.put(event)

    async def _rest(self, seconds: float) -> None:
        await asyncio.sleep(QUICK)  # a store may say at once that something has changed, again and again
        left = seconds - QUICK
        if left <= 0:
            return
        try:
            await self._wait(left)
        except StoreError:
            await asyncio.sleep(left)


def _parsed(event_id: str) -> tuple[str, int, float]:
    """Return the feed, the number and the time of an event's id; of one that is none, what nobody has."""
    name, _, rest = event_id.partition(".")
    number, _, at = rest.partition(".")
    try:
        return name, int(number[:18]), float(at)
    except ValueError:
        return "", 0, 0.0
