"""The commands that a store in memory keeps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final, final

from cnstra.persist.commands import CommandKind, CommandRecord, CommandResult, NewCommand

__all__ = ["CommandBook"]

_MOST_ENDED: Final = 10_000


@final
class CommandBook:
    """Commands by their numbers. It forgets those that have ended, the oldest first, when it has too many of them.

    Whoever uses it sees to it that one thread does at a time.
    """

    def __init__(self, most_ended: int = _MOST_ENDED) -> None:
        self._rows: dict[int, CommandRecord] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._open: dict[int, None] = {}
        self._latest = 0
        self._most_ended = most_ended

    def add(self, new: NewCommand, now: float) -> tuple[CommandRecord, bool]:
        """Return the command of this key, and whether it is new."""
        known = self.find(new.scope, new.key)
        if known is not None:
            return known, False
        self._latest += 1
        row = CommandRecord(
            number=self._latest,
            scope=new.scope,
            key=new.key,
            kind=new.kind,
            stimulation_id=new.stimulation_id,
            arguments=new.arguments,
            actor=new.actor,
            seen=new.seen,
            ordered_at=now,
            status=new.status,
            taken_by=new.taken_by,
            takes=new.takes,
        )
        self._rows[row.number] = row
        self._numbers[row.scope, row.key] = row.number
        self._open[row.number] = None
        return row, True

    def find(self, scope: str, key: str) -> CommandRecord | None:
        """Return the command of this key, or ``None``."""
        number = self._numbers.get((scope, key))
        return None if number is None else self._rows[number]

    def take(
        self, scope: str, worker_id: str, kinds: Collection[CommandKind], living: Collection[str]
    ) -> CommandRecord | None:
        """Take the oldest command of these kinds that no living worker has."""
        for number in self._open:
            row = self._rows[number]
            if row.scope == scope and row.kind in kinds and row.taken_by not in living:
                self._rows[number] = replace(row, status="taken", taken_by=worker_id, takes=row.takes + 1)
                return self._rows[number]
        return None

    def end(self, scope: str, number: int, takes: int, result: CommandResult, now: float) -> bool:
        """Note how a command ended, unless it was taken again."""
        row = self._rows.get(number)
        if row is None or row.scope != scope or row.status != "taken" or row.takes != takes:
            return False
        self._rows[number] = replace(row, status=result.status, ended_at=now, outcome=result.outcome, made=result.made)
        del self._open[number]
        self._forget_what_is_too_much()
        return True

    def listed(self, scope: str, stimulation_id: str | None, before: int | None, limit: int) -> list[CommandRecord]:
        """Return commands, the latest first."""
        found = [
            row
            for row in reversed(self._rows.values())
            if row.scope == scope
            and (before is None or row.number < before)
            and (stimulation_id is None or stimulation_id in (row.stimulation_id, row.made))
        ]
        return found[: max(limit, 0)]

    def purge(self, scope: str, cutoff: float, limit: int) -> int:
        """Forget commands that ended before *cutoff*; return how many."""
        ended = [row for row in self._rows.values() if row.ended_at is not None and row.ended_at < cutoff]
        doomed = [row for row in ended if row.scope == scope][: max(limit, 0)]
        for row in doomed:
            self._forget(row)
        return len(doomed)

    def _forget_what_is_too_much(self) -> None:
        if len(self._rows) - len(self._open) > self._most_ended:
            self._forget(next(row for row in self._rows.values() if row.ended_at is not None))

    def _forget(self, row: CommandRecord) -> None:
        del self._rows[row.number]
        del self._numbers[row.scope, row.key]
