"""The rows of many deltas, gathered by kind, so that a kind is one part of a statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeAlias, final

from cnstra.persist.delta import Delta
from cnstra.persist.records import TaskRow
from cnstra.stores.postgres.arrays import pack_columns, pack_row
from cnstra.stores.postgres.rows import contexts_json, error_text, logs_text
from cnstra.stores.postgres.statements import MOVE_ON, PARTS, Part

__all__ = ["Batch", "task_values"]

_Rows: TypeAlias = list[tuple[Any, ...]]


@final
class Batch:
    """The changes of deltas, each of another run.

    Attributes:
        names: The kinds of change that there are, by their names in `PARTS`.
        is_single: Whether there is one row of each of them.
        columns: The packed columns of all of them, in the order of the statement's parameters.
    """

    def __init__(self, deltas: Sequence[Delta]) -> None:
        self._moves: _Rows = []
        self._rows: dict[str, _Rows] = {name: [] for name in PARTS}
        # In one order everywhere, so that two workers that dispute several runs do not wait for each other in a ring.
        self._add(deltas if len(deltas) == 1 else sorted(deltas, key=attrgetter("key")))
        self.names = tuple(name for name, rows in self._rows.items() if rows)
        self.is_single = len(deltas) == 1 and all(len(self._rows[name]) == 1 for name in self.names)
        self.columns = self._pack(MOVE_ON, self._moves)
        for name in self.names:
            self.columns += self._pack(PARTS[name], self._rows[name])

    def _pack(self, part: Part, rows: _Rows) -> list[bytes | None]:
        if self.is_single:
            return pack_row(part.kinds, rows[0])
        return [*pack_columns(part.kinds, rows)]

    def _add(self, deltas: Iterable[Delta]) -> None:
        """Gather what the deltas change.

        On the way of every hop: rows are cut out of the records by position, and all is in one loop.
        """
        rows = self._rows
        moves, signals, tasks, history = self._moves, rows["signals"], rows["tasks"], rows["history"]
        removed = rows["removed"]
        for delta in deltas:
            key = delta.key
            sequence = delta.sequence
            grown = len(delta.tasks) - len(delta.removed)
            moves.append((key, delta.fence, sequence, delta.next_task, delta.next_signal, delta.hop_count, grown))
            for signal in delta.signals.values():
                signals.append((key, *signal))
            for task in delta.tasks.values():
                tasks.append((key, *task) if task[5] is None else (key, *task_values(task)))
            for place, (ordinal, attempt, task, status, error, started, took, contexts, logs) in enumerate(
                delta.history
            ):
                outcome = (
                    status,
                    error and error_text(error),
                    started,
                    took,
                    contexts_json(contexts),
                    logs_text(logs) if logs else None,
                )
                history.append((key, sequence, place, ordinal, attempt, *task[1:5], *outcome))
            for ordinal in delta.removed:
                removed.append((key, ordinal))
            if delta.dropped or delta.failures or delta.contexts or delta.hops or delta.ended is not None:
                self._add_changes(delta)

    def _add_changes(self, delta: Delta) -> None:
        rows, key = self._rows, delta.key
        rows["dropped"] += [(key, ordinal) for ordinal in delta.dropped]
        ended = delta.ended
        if ended is not None and ended.delay is not None:  # instead: a statement changes a row once only
            rows["renewed"].append((key,))
        elif delta.failures:
            failures = {ordinal: error_text(error) for ordinal, error in delta.failures.items()}
            new = rows["tasks"]  # a part of a statement does not see what another part adds
            for place, row in enumerate(new):
                if row[0] == key and row[1] in failures:
                    new[place] = (*row[:6], failures.pop(row[1]))
            rows["failures"] += [(key, ordinal, text) for ordinal, text in failures.items()]
        rows["contexts"] += [(key, neuron_name, value) for neuron_name, value in delta.contexts.items()]
        rows["hops"] += [(key, neuron_name, hops) for neuron_name, hops in delta.hops.items()]
        if ended is not None:
            rows["ended"].append((key, ended.status, ended.delay, int(ended.attempt == "interrupted")))
            rows["attempts"].append((key, delta.attempt_number, ended.attempt, error_text(ended.error)))


def task_values(task: TaskRow) -> Sequence[Any]:
    """Return the columns of a task of the frontier."""
    return (*task[:5], error_text(task[5]))
