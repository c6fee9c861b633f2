"""Committing deltas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final, NamedTuple, final

from cnstra.persist.delta import Delta
from cnstra.stores.postgres.arrays import pack_columns
from cnstra.stores.postgres.batch import Batch
from cnstra.stores.postgres.names import Names
from cnstra.stores.postgres.pipe import Pipe, Statement
from cnstra.stores.postgres.session import Session
from cnstra.stores.postgres.statements import Part, commit_text, rows_text

__all__ = ["STANDING", "Committing", "Outcome", "is_simple"]

_AT_ONCE: Final = 1000
"""Deltas in one statement."""

_STANDING: Final = Part({"run": "bigint", "fence": "bigint", "sequence": "bigint"}, "")
STANDING: Final = f"""
    SELECT p.run FROM cnstra.progress AS p JOIN {rows_text(_STANDING, count(1))}
    ON p.run = v.run AND p.fence = v.fence AND p.sequence = v.sequence
"""


class Outcome(NamedTuple):
    """What became of some deltas.

    Attributes:
        applied: For each whether it is applied, now or before.
        is_news: Whether one of them was applied now.
    """

    applied: list[bool]
    is_news: bool


@final
class Committing:
    """Commits deltas on a connection of its own, a statement each time, or inside a transaction of somebody else's.

    Args:
        names: Of the tables.
        sender: Names this store in notifications.
    """

    def __init__(self, names: Names, sender: str) -> None:
        self._names = names
        self._tail: list[bytes | None] = [names.channel.encode(), sender.encode()]
        self._statements: dict[tuple[Sequence[str], bool], Statement] = {}

    async def through(self, pipe: Pipe, deltas: Sequence[Delta]) -> set[int]:
        """Commit *deltas*, each of another run, in one round trip; return the runs whose delta was applied now."""
        batch = Batch(deltas)
        kind = batch.names, batch.is_single
        statement = self._statements.get(kind)
        if statement is None:
            text = self._names.fill(commit_text(batch.names, is_single=batch.is_single))
            statement = self._statements[kind] = Statement(b"cnstra_%d" % len(self._statements), text)
        result = await pipe.run(statement, self._values(batch))
        if result.ntuples == len(deltas):
            return {delta.key for delta in deltas}
        return {int(result.get_value(row, 0) or 0) for row in range(result.ntuples)}

    async def within(self, session: Session, deltas: Sequence[Delta]) -> Outcome:
        """Commit *deltas* inside the transaction of *session*, in order."""
        applied: list[bool] = []
        is_news = False
        for some in _rounds(deltas):
            batch = Batch(some)
            text = commit_text(batch.names, is_single=batch.is_single)
            rows = await session.numbered(text, columns=self._values(batch))
            moved = {run for run, *_ in rows}
            is_news = is_news or bool(moved)
            if len(moved) < len(some):
                moved |= await self.standing(session, some)
            applied += [delta.key in moved for delta in some]
        return Outcome(applied, is_news)

    async def standing(self, session: Session, deltas: Sequence[Delta]) -> set[int]:
        """Return the runs that stand where their delta leaves them: it was applied before.

        Asked by a statement of its own: one that commits cannot see what it has waited for.
        """
        columns = pack_columns(_STANDING.kinds, [(delta.key, delta.fence, delta.sequence) for delta in deltas])
        return {run for (run,) in await session.numbered(STANDING, columns=columns)}

    def _values(self, batch: Batch) -> list[bytes | None]:
        return batch.columns + self._tail if "ended" in batch.names else batch.columns


def is_simple(deltas: Sequence[Delta]) -> bool:
    """Tell whether one statement can take them all."""
    return len(deltas) <= _AT_ONCE and len({delta.key for delta in deltas}) == len(deltas)


def _rounds(deltas: Sequence[Delta]) -> Iterator[list[Delta]]:
    """Cut *deltas* into stretches in which no run comes twice."""
    some: list[Delta] = []
    runs: set[int] = set()
    for delta in deltas:
        if delta.key in runs or len(some) == _AT_ONCE:
            yield some
            some, runs = [], set()
        some.append(delta)
        runs.add(delta.key)
    if some:
        yield some
