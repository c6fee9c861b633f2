"""The yardstick of durable runs: a loop on the standard library's ``sqlite3`` with one transaction for each hop.

The transaction stores the facts of one hop of a chain in volume ``full``: the counters of the run move on, one signal,
one outstanding task and one row of history are added, and the task before it goes. Each fact has a row of its own and
the index by which it is found, as one would lay it out first; the store packs a hop tighter. Nothing is encoded,
routed, checked or handed to another thread.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter, time

__all__ = ["bytes_per_hop", "hops_per_second", "sync_time"]

RUN = 1
ADVANCE = (
    "UPDATE progress SET next_task = ?, next_signal = ?, hop_count = hop_count + 1, outstanding = outstanding + 0, "
    "updated_at = ?, sequence = sequence + 1 WHERE key = ? AND fence = ? AND sequence = ?"
)
ADD_SIGNAL = "INSERT INTO signals (place, collateral_name, version, payload, producer) VALUES (?, ?, ?, ?, ?)"
ADD_TASK = (
    "INSERT INTO frontier (place, neuron_name, collateral_name, dendrite_index, signal, failure) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)
ADD_HISTORY = (
    "INSERT INTO history (key, ordinal, attempt_number, neuron_name, collateral_name, dendrite_index, signal, status, "
    "error, started_at, duration) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
REMOVE_TASK = "DELETE FROM frontier WHERE place = ?"
TABLES = """
CREATE TABLE progress (key INTEGER PRIMARY KEY, fence INTEGER, sequence INTEGER, next_task INTEGER, next_signal INTEGER,
    hop_count INTEGER, outstanding INTEGER, updated_at REAL);
CREATE TABLE frontier (place INTEGER PRIMARY KEY, neuron_name TEXT, collateral_name TEXT, dendrite_index INTEGER,
    signal INTEGER, failure TEXT);
CREATE TABLE signals (place INTEGER NOT NULL UNIQUE, producer INTEGER, collateral_name TEXT, version INTEGER,
    payload BLOB);
CREATE TABLE history (id INTEGER PRIMARY KEY, key INTEGER, ordinal INTEGER, attempt_number INTEGER, neuron_name TEXT,
    collateral_name TEXT, dendrite_index INTEGER, signal INTEGER, status TEXT, error TEXT, started_at REAL,
    duration REAL);
CREATE INDEX history_of_run ON history (key);
"""

_numbers = itertools.count()


def hops_per_second(folder: Path, hops: int, payload: bytes) -> float:
    """Return how many transactions a second went into a new file in *folder*."""
    with closing(_create(_new_file(folder))) as connection:
        start = perf_counter()
        _commit(connection, hops, payload)
        return hops / (perf_counter() - start)


def bytes_per_hop(folder: Path, hops: int, payload: bytes) -> float:
    """Return the size of a closed file that *hops* transactions went into, for each of them."""
    path = _new_file(folder)
    with closing(_create(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")  # its size does not depend on that
        _commit(connection, hops, payload)
    return path.stat().st_size / hops


def sync_time(folder: Path, times: int = 200) -> float:
    """Return how many seconds this disk takes to append a page and sync it, in the median."""
    readings = []
    with _new_file(folder).open("wb", buffering=0) as file:
        for _ in range(times):
            start = perf_counter()
            file.write(bytes(4096))
            getattr(os, "fdatasync", os.fsync)(file.fileno())
            readings.append(perf_counter() - start)
    return median(readings)


def _new_file(folder: Path) -> Path:
    return folder / f"bare-{next(_numbers)}.db"


def _create(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(TABLES)
    connection.execute("INSERT INTO progress VALUES (?, 1, 0, 1, 1, 0, 1, 0)", (RUN,))
    connection.execute(ADD_SIGNAL, (RUN << 32, "c0", 1, b"{}", None))
    connection.execute(ADD_TASK, (RUN << 32, "n0", "c0", 0, 0, None))
    return connection


def _commit(connection: sqlite3.Connection, hops: int, payload: bytes) -> None:
    execute = connection.execute
    first = RUN << 32
    for hop in range(1, hops + 1):
        neuron, hears, emits, now = f"n{hop}", f"c{hop}", f"c{hop + 1}", time()
        execute("BEGIN IMMEDIATE")
        execute(ADVANCE, (hop + 1, hop + 1, now, RUN, 1, hop - 1))
        execute(ADD_SIGNAL, (first | hop, emits, 1, payload, hop - 1))
        execute(ADD_TASK, (first | hop, neuron, emits, 0, hop, None))
        execute(ADD_HISTORY, (RUN, hop - 1, 1, neuron, hears, 0, hop - 1, "done", None, now, 0.00001))
        execute(REMOVE_TASK, (first | (hop - 1),))
        execute("COMMIT")
