"""Runs with keys, as the limits of these keys let them start.

A key is a row. Who lets runs of it wait, or runs of it end, makes it ready; a claim locks ready keys, passing over what
another claim has locked, and counts afterwards: so no two claims count the places of one key at the same time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple, final

from cnstra.persist.limits import Limits, StartLog
from cnstra.stores.postgres.session import Session

__all__ = ["HEADS", "KEYED", "PLACE", "READY", "RUNNING", "TOUCH", "Candidate", "Keys", "touch", "touch_text"]

PLACE: Final = "(-{run}.priority::numeric * 9223372036854775808 + {run}.key)"
"""The place of a run among those that wait: the least is the first."""

_LOOK_AGAIN: Final = 60.0
"""Seconds after which a key at its concurrency is looked at again, should nobody have told of a place that is free."""
_KEYS_AT_ONCE: Final = 500


def touch_text(source: str) -> str:
    """Return the statement that makes keys ready, of rows with scope, limit_key and the place of what waits, or NULL.

    In the order of the keys, so that two who touch several do not wait for each other in a ring.
    """
    return f"""
        INSERT INTO cnstra.keys AS k (scope, name, is_ready, head)
        SELECT t.scope, t.limit_key, true, min(t.head) FROM {source} AS t WHERE t.limit_key IS NOT NULL
        GROUP BY t.scope, t.limit_key ORDER BY t.scope, t.limit_key
        ON CONFLICT (scope, name) DO UPDATE
        SET is_ready = true, ready_at = NULL, head = least(k.head, excluded.head)
    """


TOUCH: Final = touch_text(f"""(
    SELECT r.scope, r.limit_key, CASE WHEN r.status = 'pending' AND r.is_due THEN {PLACE.format(run="r")} END AS head
    FROM cnstra.runs AS r WHERE r.key = ANY(%(keys)s)
)""")
READY: Final = """
    SELECT locked.name, locked.starts, cnstra.now FROM (
        SELECT * FROM (
            (
                SELECT name, head FROM cnstra.keys
                WHERE scope = %(scope)s AND is_ready AND name <> ALL(%(seen)s::text[])
                ORDER BY head NULLS FIRST LIMIT %(window)s
            )
            UNION ALL
            (
                SELECT name, head FROM cnstra.keys
                WHERE scope = %(scope)s AND NOT is_ready AND ready_at <= cnstra.now AND name <> ALL(%(seen)s::text[])
                ORDER BY ready_at LIMIT %(window)s
            )
        ) AS found ORDER BY head NULLS FIRST
    ) AS f CROSS JOIN LATERAL (
        SELECT k.name, k.starts FROM cnstra.keys AS k
        WHERE k.scope = %(scope)s AND k.name = f.name AND (k.is_ready OR k.ready_at <= cnstra.now)
        FOR UPDATE SKIP LOCKED
    ) AS locked
    LIMIT %(limit)s
"""
RUNNING: Final = """
    SELECT g.name, (
        SELECT count(*) FROM (
            SELECT FROM cnstra.runs AS r
            WHERE r.scope = %(scope)s AND r.limit_key = g.name AND r.status = 'running' LIMIT g.most
        ) AS running
    ) FROM unnest(%(names)s::text[], %(most)s::bigint[]) AS g(name, most)
"""
KEYED: Final = """
    SELECT f.key, f.priority, f.name FROM (
        SELECT w.key, w.priority, g.name FROM unnest(%(names)s::text[], %(rooms)s::bigint[]) AS g(name, room)
        CROSS JOIN LATERAL (
            SELECT r.key, r.priority FROM cnstra.runs AS r
            WHERE r.scope = %(scope)s AND r.limit_key = g.name AND r.status = 'pending' AND r.is_due
              AND r.key <> ALL(%(passed)s::bigint[])
            ORDER BY r.priority DESC, r.key LIMIT g.room
        ) AS w ORDER BY w.priority DESC, w.key
    ) AS f CROSS JOIN LATERAL (
        SELECT r.key FROM cnstra.runs AS r JOIN cnstra.progress AS p ON p.run = r.key
        WHERE r.key = f.key AND r.status = 'pending' FOR UPDATE OF p, r SKIP LOCKED
    ) AS locked
    LIMIT %(limit)s
"""
HEADS: Final = f"""
    SELECT g.name, (
        SELECT {PLACE.format(run="r")} FROM cnstra.runs AS r
        WHERE r.scope = %(scope)s AND r.limit_key = g.name AND r.status = 'pending' AND r.is_due
        ORDER BY r.priority DESC, r.key LIMIT 1
    ), cnstra.now FROM unnest(%(names)s::text[]) AS g(name)
"""
_LEAVE: Final = """
    UPDATE cnstra.keys AS k SET is_ready = g.is_ready, ready_at = g.ready_at, head = g.head, starts = g.starts
    FROM unnest(
        %(names)s::text[], %(ready)s::boolean[], %(ready_at)s::double precision[], %(heads)s::numeric[],
        %(starts)s::text[]
    ) AS g(name, is_ready, ready_at, head, starts)
    WHERE k.scope = %(scope)s AND k.name = g.name
"""
_FORGET: Final = "DELETE FROM cnstra.keys WHERE scope = %(scope)s AND name = ANY(%(names)s::text[])"


async def touch(session: Session, *keys: int) -> None:
    """Take note that runs have begun to wait, or have ended; those without a key are nothing to this."""
    if keys:
        await session.run(TOUCH, {"keys": list(keys)})


class Candidate(NamedTuple):
    """A locked run that may be taken; in their order.

    Attributes:
        rank: Minus its priority.
        key: The run.
        name: Its key; empty if it has none.
    """

    rank: int
    key: int
    name: str = ""


@final
class _Key:
    """One key that is locked: its log, how many more runs of it may start, and how many do."""

    __slots__ = ("log", "now", "room", "taken")

    def __init__(self, log: StartLog, now: float) -> None:
        self.log = log
        self.now = now
        self.room: int | None = None
        self.taken = 0

    def left(self, most: int) -> int:
        """Return how many more may start, up to *most*."""
        return most if self.room is None else min(self.room - self.taken, most)


@final
class Keys:
    """The keys that one claim has locked.

    Args:
        session: In the transaction of the claim.
        scope: Which graph's.
        limits: Of the keys.
    """

    def __init__(self, session: Session, scope: str, limits: Limits) -> None:
        self._session = session
        self._scope = scope
        self._limits = limits
        self._keys: dict[str, _Key] = {}
        self._are_all_seen = False

    async def lock(self, most: int, passed: Collection[int]) -> list[Candidate]:
        """Lock up to *most* runs that may start, the first in order."""
        found = await self._lock_runs(most, passed)
        while len(found) < most and not self._are_all_seen:
            await self._lock_keys(most)
            found = await self._lock_runs(most, passed)
        return found

    def take(self, candidates: Sequence[Candidate], taken: Collection[int]) -> None:
        """Take note of which runs were taken."""
        for one in candidates:
            if one.name and one.key in taken:
                self._keys[one.name].taken += 1

    async def close(self) -> None:
        """Write down how the keys stand."""
        if not self._keys:
            return
        found = await self._all(HEADS, names=list(self._keys))
        heads = {name: head for name, head, _ in found}
        now = found[0][2]
        gone: list[str] = []
        rows: list[tuple[Any, ...]] = []
        for name, key in self._keys.items():
            key.log.add(key.taken, now)
            is_ready = heads[name] is not None and key.left(1) > 0
            ready_at = key.log.opens_at or key.now + _LOOK_AGAIN if heads[name] is not None else key.log.is_over_at
            if heads[name] is None and ready_at is None:
                gone.append(name)
            else:
                rows.append((name, is_ready, None if is_ready else ready_at, heads[name], key.log.text))
        names, ready, times, places, starts = map(list, zip(*rows, strict=True)) if rows else ([],) * 5
        values = {"names": names, "ready": ready, "ready_at": times, "heads": places, "starts": starts}
        await self._session.run(_LEAVE, {"scope": self._scope, **values})
        if gone:
            await self._session.run(_FORGET, {"scope": self._scope, "names": gone})

    async def _lock_keys(self, most: int) -> None:
        found = await self._all(READY, seen=list(self._keys), limit=most, window=100 + 10 * most)
        self._are_all_seen = len(found) < most or len(self._keys) + len(found) >= _KEYS_AT_ONCE
        for name, starts, now in found:
            self._keys[name] = _Key(StartLog.read(self._limits.of(name), starts, now), now)
        running = await self._running([name for name, *_ in found])
        for name, *_ in found:
            self._keys[name].room = self._keys[name].log.room(running.get(name, 0))

    async def _running(self, names: Sequence[str]) -> dict[str, int]:
        """Count the runs that run, of the keys of which that is limited; after these are locked."""
        limits = {name: self._limits.of(name) for name in names}
        most = {name: one.concurrency for name, one in limits.items() if one is not None and one.concurrency}
        return dict(await self._all(RUNNING, names=list(most), most=list(most.values()))) if most else {}

    async def _lock_runs(self, most: int, passed: Collection[int]) -> list[Candidate]:
        rooms = {name: room for name, key in self._keys.items() if (room := key.left(most)) > 0}
        if not rooms:
            return []
        values = {"names": list(rooms), "rooms": list(rooms.values()), "passed": list(passed), "limit": most}
        return [Candidate(-priority, key, name) for key, priority, name in await self._all(KEYED, **values)]

    async def _all(self, text: str, **values: object) -> list[Any]:
        return await self._session.all(text, {"scope": self._scope, **values})
