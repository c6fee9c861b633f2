"""The one statement that admits runs, and what goes into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, count
from typing import Any, Final, NamedTuple
from uuid import uuid4

from cnstra.persist.records import NewRun, RunRecord, RunState
from cnstra.stores.postgres.arrays import pack_columns
from cnstra.stores.postgres.batch import task_values
from cnstra.stores.postgres.keys import PLACE, touch_text
from cnstra.stores.postgres.statements import ADD_SIGNALS, ADD_TASKS, SET_CONTEXTS, TELL, Part, rows_text

__all__ = ["ADMIT", "FIND_ADMITTED", "Admission", "columns_of", "tokens_of"]


def _by_token(part: Part) -> Part:
    """Return the rows of a part with the token of their run, whose key is not known yet."""
    columns = {("token" if name == "run" else name): kind for name, kind in part.columns.items()}
    return Part(columns, part.text)


_RUNS: Final = Part(
    {
        "token": "bigint",
        "scope": "name",
        "stimulation_id": "text?",
        "owner": "text?",
        "entry_count": "integer",
        "entry_name": "text?",
        "volume": "name",
        "clone_of": "text?",
        "forked_from": "text?",
        "forked_task": "bigint?",
        "priority": "bigint",
        "due_at": "float?",
        "limit_key": "text?",
        "options": "bytes?",
        "next_task": "bigint",
        "next_signal": "bigint",
        "outstanding": "bigint",
    },
    "",
)
_SIGNALS, _TASKS, _CONTEXTS = map(_by_token, (ADD_SIGNALS, ADD_TASKS, SET_CONTEXTS))
_numbers = count(1)


def _insert(table: str, part: Part) -> str:
    names = [name for name in part.columns if name != "token"]
    return f"""
        INSERT INTO cnstra.{table} (run, {", ".join(names)})
        SELECT n.key, {", ".join(f"v.{name}" for name in names)}
        FROM {rows_text(part, _numbers)} JOIN new AS n USING (token)
    """


_PLACE: Final = PLACE.format(run="r")
# The keys are given out in the order of the rows. Of an id that comes twice the first is taken.
ADMIT: Final = f"""
    WITH given AS (
        SELECT v.* FROM {rows_text(_RUNS, _numbers)}
    ), new AS (
        INSERT INTO cnstra.runs AS r (token, scope, stimulation_id, owner, entry_count, entry_name, volume, clone_of,
            forked_from, forked_task, priority, due_at, limit_key, options, status, attempt_number, starts, is_due,
            created_at)
        SELECT token, scope, stimulation_id, owner, entry_count, entry_name, volume, clone_of, forked_from, forked_task,
            priority, due_at, limit_key, options, CASE WHEN owner IS NULL THEN 'pending' ELSE 'running' END,
            CASE WHEN owner IS NULL THEN 0 ELSE 1 END, CASE WHEN owner IS NULL THEN 0 ELSE 1 END,
            coalesce(due_at <= cnstra.now, true), cnstra.now
        FROM given
        ON CONFLICT (scope, stimulation_id) DO NOTHING
        RETURNING key, token, scope, owner, attempt_number, created_at, limit_key, is_due, {_PLACE} AS head
    ), progress AS (
        INSERT INTO cnstra.progress (run, fence, sequence, next_task, next_signal, hop_count, outstanding, updated_at)
        SELECT n.key, n.attempt_number, 0, g.next_task, g.next_signal, 0, g.outstanding, n.created_at
        FROM new AS n JOIN given AS g USING (token)
    ), attempts AS (
        INSERT INTO cnstra.attempts (run, attempt_number, started_at, hops_before, status, worker_id)
        SELECT key, 1, created_at, 0, 'running', owner FROM new WHERE owner IS NOT NULL
    ), signals AS ({_insert("signals", _SIGNALS)}), tasks AS ({_insert("frontier", _TASKS)}),
    contexts AS ({_insert("contexts", _CONTEXTS)}),
    keys AS ({touch_text("(SELECT * FROM new WHERE owner IS NULL AND is_due)")})
    SELECT token, key, created_at{
    TELL.format(channel=f"${next(_numbers)}::text", sender=f"${next(_numbers)}::text", freed="new WHERE owner IS NULL")
} FROM new
"""


_TOKENS: Final = Part({"token": "bigint", "scope": "name", "stimulation_id": "text?"}, "")
FIND_ADMITTED: Final = f"""
    SELECT r.token, r.key, r.created_at FROM {rows_text(_TOKENS, count(1))} JOIN cnstra.runs AS r
    ON r.scope = v.scope AND r.stimulation_id = v.stimulation_id AND r.token = v.token
"""


class Admission(NamedTuple):
    """A run that somebody wants to have admitted.

    Attributes:
        run: The run.
        worker_id: Who is to own it, if somebody is.
        token: By which it is known again before it has a key.
    """

    run: NewRun
    worker_id: str | None
    token: int

    @classmethod
    def of(cls, run: NewRun, worker_id: str | None) -> Admission:
        """Make one, with a token that nobody else has."""
        return cls(run, worker_id, uuid4().int >> 65)  # 63 bits: a positive bigint

    @property
    def rows(self) -> int:
        """How many rows it adds, by and large."""
        return 3 + len(self.run.tasks) + len(self.run.entry) + len(self.run.contexts)

    @property
    def next_task(self) -> int:
        """The first task ordinal that its first attempt does not give out."""
        return max((task.ordinal for task in self.run.tasks), default=-1) + 1 + self.run.reserved

    @property
    def next_signal(self) -> int:
        """The ordinal of its next signal."""
        return max((signal.ordinal for signal in self.run.entry), default=-1) + 1

    def values(self) -> tuple[Any, ...]:
        """Return its columns in `_RUNS`."""
        run = self.run
        return (
            self.token,
            run.scope,
            run.stimulation_id,
            self.worker_id,
            len(run.entry),
            run.entry[0].collateral_name if run.entry else None,
            run.volume,
            run.clone_of,
            run.forked_from,
            run.forked_task,
            run.priority,
            run.due_at,
            run.limit_key,
            run.options,
            self.next_task,
            self.next_signal,
            len(run.tasks),
        )

    def state(self, key: int, created_at: float) -> RunState:
        """Return the state that it has once it is stored."""
        signals = {signal.ordinal: signal for signal in self.run.entry}
        return RunState(
            key=key,
            run=self._record(created_at),
            sequence=0,
            next_task=self.next_task,
            next_signal=self.next_signal,
            tasks=tuple(self.run.tasks),
            signals={task.signal: signals[task.signal] for task in self.run.tasks if task.signal is not None},
            contexts=dict(self.run.contexts),
        )

    def _record(self, now: float) -> RunRecord:
        run = self.run
        attempt_number = 0 if self.worker_id is None else 1
        return RunRecord(
            scope=run.scope,
            stimulation_id=run.stimulation_id,
            status="pending" if self.worker_id is None else "running",
            attempt_number=attempt_number,
            entry=tuple(run.entry),
            options=run.options,
            volume=run.volume,
            owner=self.worker_id,
            fence=attempt_number,
            recoveries=0,
            hop_count=0,
            outstanding=len(run.tasks),
            created_at=now,
            updated_at=now,
            clone_of=run.clone_of,
            forked_from=run.forked_from,
            forked_task=run.forked_task,
            priority=run.priority,
            due_at=run.due_at,
            starts=attempt_number,
            limit_key=run.limit_key,
        )


def columns_of(admissions: Sequence[Admission]) -> list[bytes]:
    """Pack the rows of admissions as the statement wants them; the channel and the sender follow."""
    parts: tuple[tuple[Part, Iterable[tuple[Any, ...]]], ...] = (
        (_RUNS, (one.values() for one in admissions)),
        (_SIGNALS, ((one.token, *signal) for one in admissions for signal in one.run.entry)),
        (_TASKS, ((one.token, *task_values(task)) for one in admissions for task in one.run.tasks)),
        (_CONTEXTS, ((one.token, *context) for one in admissions for context in one.run.contexts.items())),
    )
    return list(chain.from_iterable(pack_columns(part.kinds, list(rows)) for part, rows in parts))


def tokens_of(admissions: Sequence[Admission]) -> list[bytes]:
    """Pack what runs are found by that were admitted."""
    rows = [(one.token, one.run.scope, one.run.stimulation_id) for one in admissions]
    return pack_columns(_TOKENS.kinds, rows)
