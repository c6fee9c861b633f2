"""Runs with keys, as the limits of these keys let them start; inside a transaction that the caller opens and closes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator
from heapq import heappop, heappush
from typing import Final, final

from cnstra.persist.limits import Limits, StartLog
from cnstra.stores.sqlite.changes import note_change
from cnstra.stores.sqlite.statements import ManyRows

__all__ = ["FREED", "FREE_KEYS", "RUNNING", "WAITING", "Keys", "next_ready", "note_free", "note_waiting", "put_keys_up"]

# A run that waits makes its key ready, whatever that was found at before: a claim looks again.
WAITING: Final = ManyRows(
    "INSERT INTO cnstra_keys (scope, name, is_ready, head) "
    "SELECT scope, limit_key, 1, (rank << 32) + key FROM cnstra_runs WHERE scheduled = 2 AND key IN (",
    "?",
    ") ON CONFLICT (scope, name) DO UPDATE SET is_ready = 1, ready_at = NULL, head = min(head, excluded.head)",
)
# One that runs no more leaves its place to another; a key that waits for its rate goes on waiting.
FREED: Final = ManyRows(
    "UPDATE cnstra_keys SET is_ready = 1 WHERE is_ready = 0 AND ready_at IS NULL AND (scope, name) IN "
    "(SELECT scope, limit_key FROM cnstra_runs WHERE limit_key IS NOT NULL AND key IN (",
    "?",
    "))",
)
PACED: Final = "UPDATE cnstra_keys SET is_ready = 1, ready_at = NULL WHERE scope = ? AND ready_at <= ?"
NEXT_READY: Final = "SELECT min(ready_at) FROM cnstra_keys WHERE scope = ? AND ready_at IS NOT NULL"
FREE_KEYS: Final = """
    SELECT head, name, starts FROM cnstra_keys
    WHERE scope = ? AND is_ready = 1 AND (head, name) > (?, ?) ORDER BY head, name LIMIT ?
"""
RUNNING: Final = """
    SELECT count(*) FROM (
        SELECT 1 FROM cnstra_runs WHERE scope = ? AND limit_key = ? AND status = 'running' LIMIT ?
    )
"""
KEYED: Final = """
    SELECT (rank << 32) + key FROM cnstra_runs
    WHERE scope = ? AND limit_key = ? AND scheduled = 2 AND (rank, key) > (?, ?) ORDER BY rank, key LIMIT ?
"""
_LEAST: Final = -(1 << 63)
_MOST: Final = (1 << 63) - 1
_KEYS_AT_ONCE: Final = 50
_RUNS_AT_ONCE: Final = 50
_MANY: Final = 1 << 31
_KEY_BITS: Final = (1 << 32) - 1

KEYS_LOOKED_AT: Final = 500
"""Keys that one claim looks at, in one transaction, so that commits wait for milliseconds only."""


def note_waiting(connection: sqlite3.Connection, *keys: int) -> None:
    """Take note that runs may wait; those that have no key, or do not, are nothing to this."""
    WAITING.execute(connection, list(keys))


def note_free(connection: sqlite3.Connection, *keys: int) -> None:
    """Take note that runs do not run any more; tell those who wait, if one of their keys was at its limit."""
    if FREED.execute(connection, list(keys)):
        note_change(connection)


def put_keys_up(connection: sqlite3.Connection, scope: str) -> None:
    """Let claims look at the keys again whose rate lets a run start by now."""
    connection.execute(PACED, (scope, time.time()))


def next_ready(connection: sqlite3.Connection, scope: str) -> float | None:
    """Return when the next key lets a run start that waits for that."""
    (ready_at,) = connection.execute(NEXT_READY, (scope,)).fetchone()
    return None if ready_at is None else float(ready_at)


@final
class _Key:
    """One key that is looked at."""

    __slots__ = ("after", "log", "name", "room", "taken", "waiting")

    def __init__(self, name: str, log: StartLog, room: int) -> None:
        self.name = name
        self.log = log
        self.room = room
        self.taken = 0
        self.after = _LEAST
        self.waiting: list[int] = []


@final
class Keys:
    """The runs with keys in one claim.

    Args:
        connection: In a transaction.
        scope: Which graph's.
        limits: Of the keys.
        unfit: Runs that are passed over.

    Attributes:
        are_too_many: Whether more keys are ready than one claim looks at.
    """

    def __init__(self, connection: sqlite3.Connection, scope: str, limits: Limits, unfit: Collection[int]) -> None:
        self.are_too_many = False
        self._connection = connection
        self._scope = scope
        self._limits = limits
        self._unfit = unfit
        self._now = time.time()
        self._seen: list[_Key] = []
        self._current: _Key | None = None

    def runs(self) -> Iterator[tuple[int, int]]:
        """Yield rank and key of the runs that may start, in order; each is to be taken before the next is asked for."""
        ready = self._ready()
        upcoming = next(ready, None)
        heap: list[tuple[int, int]] = []
        while True:
            while upcoming is not None and (not heap or upcoming[0] <= heap[0][0]):
                self._push(heap, self._open(*upcoming[1:]))
                upcoming = next(ready, None)
            if not heap:
                return
            place, number = heappop(heap)
            self._current = self._seen[number]
            yield place >> 32, place & _KEY_BITS
            self._push(heap, number)

    def take(self) -> None:
        """Take note that the run that was yielded last is taken."""
        assert self._current is not None  # noqa: S101 - for the type checker
        self._current.taken += 1

    def close(self) -> None:
        """Write down how the keys stand that were looked at."""
        for key in self._seen:
            key.log.add(key.taken, time.time())
            self._leave(key)

    def _ready(self) -> Iterator[tuple[int, str, str | None]]:
        after: tuple[int, str] = (_LEAST, "")
        while len(self._seen) < KEYS_LOOKED_AT:
            found = self._connection.execute(FREE_KEYS, (self._scope, *after, _KEYS_AT_ONCE)).fetchall()
            yield from found
            if len(found) < _KEYS_AT_ONCE:
                return
            after = found[-1][:2]
        self.are_too_many = True

    def _open(self, name: str, starts: str | None) -> int:
        limit = self._limits.of(name)
        log = StartLog.read(limit, starts, self._now)
        most = _MANY if limit is None or limit.concurrency is None else limit.concurrency
        room = log.room(self._running(name, most))
        self._seen.append(_Key(name, log, _MANY if room is None else room))
        return len(self._seen) - 1

    def _running(self, name: str, most: int) -> int:
        if most == _MANY:
            return 0
        (running,) = self._connection.execute(RUNNING, (self._scope, name, most)).fetchone()
        return int(running)

    def _push(self, heap: list[tuple[int, int]], number: int) -> None:
        """Put the next run of a key on the heap, if it may start."""
        key = self._seen[number]
        while key.taken < key.room:
            if not key.waiting:
                key.waiting = self._waiting(key.name, key.after, min(_RUNS_AT_ONCE, key.room))
                if not key.waiting:
                    return
                key.after = key.waiting[0]
            place = key.waiting.pop()
            if place & _KEY_BITS not in self._unfit:
                heappush(heap, (place, number))
                return

    def _waiting(self, name: str, after: int, most: int) -> list[int]:
        """Return the places of the next runs that wait, the first one last."""
        values = (self._scope, name, after >> 32, after & _KEY_BITS, most)
        return [place for (place,) in reversed(self._connection.execute(KEYED, values).fetchall())]

    def _leave(self, key: _Key) -> None:
        head = self._waiting(key.name, _LEAST, 1)
        if head:
            is_ready = key.taken < key.room
            ready_at = None if is_ready else key.log.opens_at
        else:
            is_ready, ready_at = False, key.log.is_over_at
        if not head and ready_at is None:
            self._connection.execute("DELETE FROM cnstra_keys WHERE scope = ? AND name = ?", (self._scope, key.name))
        else:
            self._connection.execute(
                "UPDATE cnstra_keys SET is_ready = ?, ready_at = ?, head = ?, starts = ? WHERE scope = ? AND name = ?",
                (is_ready, ready_at, head[0] if head else _MOST, key.log.text, self._scope, key.name),
            )
