"""The one statement of a commit, put together from the kinds of change that a batch has.

Its first part moves the runs on, each only if its fence and its sequence fit; the other parts touch the runs that were
moved on, and no others. All parts see the tables as they were before the statement, so a run may be in it once only:
its next delta would not find what the one before has added.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import count
from typing import Final, NamedTuple

from cnstra.stores.postgres.arrays import PACKERS
from cnstra.stores.postgres.keys import PLACE, touch_text

__all__ = [
    "ADD_SIGNALS",
    "ADD_TASKS",
    "MOVE_ON",
    "PARTS",
    "SET_CONTEXTS",
    "TELL",
    "Part",
    "commit_text",
    "row_text",
    "rows_text",
]


class Part(NamedTuple):
    """One kind of change.

    Attributes:
        columns: The columns of its rows, each with its kind as in `PACKERS`.
        text: The SQL, in which ``{rows}`` stands for the rows, called ``v``, and ``{moved}`` for the condition that the
            run of such a row was moved on.
    """

    columns: Mapping[str, str]
    text: str

    @property
    def kinds(self) -> list[str]:
        """Return the kinds of its columns."""
        return list(self.columns.values())


MOVE_ON: Final = Part(
    {
        "run": "bigint",
        "fence": "bigint",
        "sequence": "bigint",
        "next_task": "bigint",
        "next_signal": "bigint",
        "hop_count": "bigint",
        "grown": "bigint",
    },
    """
    UPDATE cnstra.progress AS p SET sequence = v.sequence, next_task = v.next_task, next_signal = v.next_signal,
           hop_count = p.hop_count + v.hop_count, outstanding = p.outstanding + v.grown, updated_at = cnstra.now
    FROM {rows} WHERE p.run = v.run AND p.fence = v.fence AND p.sequence = v.sequence - 1
    RETURNING p.run, p.hop_count
    """,
)
ADD_SIGNALS: Final = Part(
    {
        "run": "bigint",
        "ordinal": "bigint",
        "collateral_name": "name",
        "version": "bigint",
        "payload": "bytes?",
        "producer": "bigint?",
    },
    """
    INSERT INTO cnstra.signals (run, ordinal, collateral_name, version, payload, producer)
    SELECT v.* FROM {rows} WHERE {moved}
    """,
)
ADD_TASKS: Final = Part(
    {
        "run": "bigint",
        "ordinal": "bigint",
        "neuron_name": "name",
        "collateral_name": "name",
        "dendrite_index": "integer",
        "signal": "bigint?",
        "failure": "text?",
    },
    """
    INSERT INTO cnstra.frontier (run, ordinal, neuron_name, collateral_name, dendrite_index, signal, failure)
    SELECT v.* FROM {rows} WHERE {moved}
    """,
)
SET_CONTEXTS: Final = Part(
    {"run": "bigint", "neuron_name": "name", "value": "bytes?"},
    """
    INSERT INTO cnstra.contexts (run, neuron_name, value) SELECT v.* FROM {rows} WHERE {moved}
    ON CONFLICT (run, neuron_name) DO UPDATE SET value = excluded.value
    """,
)
PARTS: Final[Mapping[str, Part]] = {
    "signals": ADD_SIGNALS,
    "tasks": ADD_TASKS,
    "history": Part(
        {
            "run": "bigint",
            "sequence": "bigint",
            "place": "integer",
            "ordinal": "bigint",
            "attempt_number": "integer",
            "neuron_name": "name",
            "collateral_name": "name",
            "dendrite_index": "integer",
            "signal": "bigint?",
            "status": "name",
            "error": "text?",
            "started_at": "float",
            "duration": "float",
            "contexts": "bytes?",
            "logs": "text?",
        },
        """
        INSERT INTO cnstra.history (run, sequence, place, ordinal, attempt_number, neuron_name, collateral_name,
               dendrite_index, signal, status, error, started_at, duration, contexts, logs)
        SELECT v.* FROM {rows} WHERE {moved}
        """,
    ),
    "contexts": SET_CONTEXTS,
    "hops": Part(
        {"run": "bigint", "neuron_name": "name", "hops": "bigint"},
        """
        INSERT INTO cnstra.hops AS h (run, neuron_name, hops) SELECT v.* FROM {rows} WHERE {moved}
        ON CONFLICT (run, neuron_name) DO UPDATE SET hops = h.hops + excluded.hops
        """,
    ),
    "failures": Part(
        {"run": "bigint", "ordinal": "bigint", "failure": "text?"},
        """
        UPDATE cnstra.frontier AS f SET failure = v.failure FROM {rows}
        WHERE f.run = v.run AND f.ordinal = v.ordinal AND {moved}
        """,
    ),
    "renewed": Part(
        {"run": "bigint"},
        """
        UPDATE cnstra.frontier AS f SET failure = NULL FROM {rows}
        WHERE f.run = v.run AND f.failure IS NOT NULL AND {moved}
        """,
    ),
    "removed": Part(
        {"run": "bigint", "ordinal": "bigint"},
        """
        DELETE FROM cnstra.frontier AS f USING {rows} WHERE f.run = v.run AND f.ordinal = v.ordinal AND {moved}
        """,
    ),
    "dropped": Part(
        {"run": "bigint", "ordinal": "bigint"},
        # A clone starts from the entry signals, whatever the run itself still needs.
        """
        DELETE FROM cnstra.signals AS s USING {rows}
        WHERE s.run = v.run AND s.ordinal = v.ordinal AND {moved}
          AND s.ordinal >= (SELECT r.entry_count FROM cnstra.runs AS r WHERE r.key = v.run)
        """,
    ),
    "ended": Part(
        {"run": "bigint", "status": "name", "delay": "float?", "given_back": "integer"},
        # One that is to be tried again joins those that wait when a claim sees that its time has come.
        """
        UPDATE cnstra.runs AS r SET status = v.status, owner = NULL, starts = r.starts - v.given_back,
               due_at = coalesce(cnstra.now + v.delay, r.due_at), is_due = coalesce(v.delay <= 0, r.is_due),
               ended_at = CASE WHEN v.status <> 'pending' THEN cnstra.now END,
               abort_requested = CASE WHEN v.status = 'pending' THEN r.abort_requested END
        FROM {rows} WHERE r.key = v.run AND {moved}
        RETURNING r.scope, r.status, r.limit_key,
                  CASE WHEN r.status = 'pending' AND r.is_due THEN {place} END AS head
        """,
    ),
    "attempts": Part(
        {"run": "bigint", "attempt_number": "integer", "status": "name", "error": "text?"},
        """
        UPDATE cnstra.attempts AS a SET status = v.status, ended_at = cnstra.now, error = v.error,
               hop_count = m.hop_count - a.hops_before
        FROM {rows} JOIN moved AS m USING (run) WHERE a.run = v.run AND a.attempt_number = v.attempt_number
        """,
    ),
}

# Who listens for free runs of a scope is told once a transaction. `Names.channel_of` makes the same name.
TELL: Final = """, (
    SELECT count(pg_notify(
        {channel} || '_' || substr(encode(sha256(convert_to(scope, 'UTF8')), 'hex'), 1, 32), {sender}
    )) FROM (SELECT DISTINCT scope FROM {freed}) AS freed
)"""
# Nearly always all are; then nothing is looked up. Not a join: that would be planned for ten rows, whatever comes.
_MOVED = "((SELECT count(*) FROM moved) = {expected} OR v.run IN (SELECT run FROM moved))"
_MOVED_ALONE = "(SELECT count(*) FROM moved) = 1"


def rows_text(part: Part, numbers: Iterator[int]) -> str:
    """Return what makes rows of the parameters with the next *numbers*, a packed column each."""
    arrays = ", ".join(f"${next(numbers)}::{PACKERS[kind].sql}[]" for kind in part.kinds)
    return f"unnest({arrays}) AS v({', '.join(part.columns)})"


def row_text(part: Part, numbers: Iterator[int]) -> str:
    """Return what makes one row of the parameters with the next *numbers*, a packed value each."""
    values = ", ".join(f"${next(numbers)}::{PACKERS[kind].sql}" for kind in part.kinds)
    return f"(VALUES ({values})) AS v({', '.join(part.columns)})"


@cache
def commit_text(names: tuple[str, ...], *, is_single: bool = False) -> str:
    """Return the statement with these of the `PARTS`, in this order; its rows are the runs that were moved on.

    Its parameters are the columns of `MOVE_ON`, those of the parts and, with ``ended``, the channel and the sender.

    Args:
        names: Of the parts.
        is_single: Whether each part has one row, as most hops of a run that is alone have: arrays would take longer to
            set up than all the rest.
    """
    numbers = count(1)
    rows = row_text if is_single else rows_text
    moved = _MOVED_ALONE if is_single else _MOVED.format(expected="cardinality($1::bigint[])")
    parts = [f"moved AS ({MOVE_ON.text.format(rows=rows(MOVE_ON, numbers))})"]
    for name in names:
        text = PARTS[name].text.format(rows=rows(PARTS[name], numbers), moved=moved, place=PLACE.format(run="r"))
        parts.append(f"{name} AS ({text})")
    tell = ""
    if "ended" in names:
        channel, sender = f"${next(numbers)}::text", f"${next(numbers)}::text"
        freed = "ended WHERE status = 'pending' OR limit_key IS NOT NULL"
        tell = TELL.format(channel=channel, sender=sender, freed=freed)
        parts.append(f"keys AS ({touch_text('ended')})")
    return f"WITH {', '.join(parts)} SELECT run{tell} FROM moved"
