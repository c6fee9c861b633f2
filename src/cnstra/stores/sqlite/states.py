"""Loading everything that a worker needs of a run."""

from __future__ import annotations

import sqlite3

from cnstra.persist.records import RunState
from cnstra.stores.sqlite.errors import BadRow
from cnstra.stores.sqlite.rows import entry_of, frontier_of, inputs_of, run_of, run_row

__all__ = ["load_state"]


def load_state(connection: sqlite3.Connection, key: int) -> RunState:
    """Load a run as it stands.

    Raises:
        BadRow: If something of it cannot be read.
    """
    row = run_row(connection, key)
    if row is None:
        raise BadRow(f"the run with the key {key} has no progress; delete it")
    entry_count, sequence, next_task, next_signal = row[-4:]
    record = run_of(row, entry_of(connection, key, entry_count))
    contexts = connection.execute(
        "SELECT neuron_name, value FROM cnstra_contexts WHERE key = ? AND value IS NOT NULL", (key,)
    ).fetchall()
    hops = connection.execute("SELECT neuron_name, hops FROM cnstra_hops WHERE key = ?", (key,)).fetchall()
    return RunState(
        key=key,
        run=record,
        sequence=sequence,
        next_task=next_task,
        next_signal=next_signal,
        tasks=frontier_of(connection, key, record.stimulation_id),
        signals=inputs_of(connection, key, record.stimulation_id),
        contexts=dict(contexts),
        hops=dict(hops),
    )
