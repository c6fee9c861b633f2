"""The yardstick of durable runs on Postgres: psycopg alone, with one transaction for each hop.

The transaction is what the Postgres store makes of one hop of a chain in volume ``full``: the counters of the run move
on, one signal, one outstanding task and one row of history are added, and the task before it goes. Tables, indexes and
row sizes are those of the store; nothing is encoded, routed, checked or handed to another thread. The connection is a
synchronous one, its statements are prepared, and a commit waits for the disk.
"""

from __future__ import annotations

from time import perf_counter, time
from typing import TypeAlias

import psycopg

__all__ = ["hops_per_second", "statements_per_second"]

Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]

RUN = 1
ADVANCE = (
    "UPDATE progress SET next_task = %s, next_signal = %s, hop_count = hop_count + 1, outstanding = outstanding + 0, "
    "updated_at = %s, sequence = sequence + 1 WHERE run = %s AND fence = %s AND sequence = %s"
)
ADD_SIGNAL = "INSERT INTO signals VALUES (%s, %s, %s, %s, %s, %s)"
ADD_TASK = "INSERT INTO frontier VALUES (%s, %s, %s, %s, %s, %s, %s)"
ADD_HISTORY = "INSERT INTO history VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
REMOVE_TASK = "DELETE FROM frontier WHERE run = %s AND ordinal = %s"
ALL_IN_ONE = f"""
WITH advanced AS ({ADVANCE} RETURNING run), signal AS ({ADD_SIGNAL}), task AS ({ADD_TASK}), settled AS ({ADD_HISTORY}),
    gone AS ({REMOVE_TASK})
SELECT run FROM advanced
"""  # noqa: S608 - put together of the constants above
TABLES = """
DROP SCHEMA IF EXISTS bare_yardstick CASCADE;
CREATE SCHEMA bare_yardstick;
SET search_path TO bare_yardstick;
SET synchronous_commit TO on;
CREATE TABLE progress (run bigint PRIMARY KEY, fence bigint NOT NULL, sequence bigint NOT NULL,
    next_task bigint NOT NULL, next_signal bigint NOT NULL, hop_count bigint NOT NULL, outstanding bigint NOT NULL,
    updated_at double precision NOT NULL) WITH (fillfactor = 40);
CREATE TABLE frontier (run bigint NOT NULL, ordinal bigint NOT NULL, signal bigint, dendrite_index integer NOT NULL,
    neuron_name text COLLATE "C" NOT NULL, collateral_name text COLLATE "C" NOT NULL, failure text,
    PRIMARY KEY (run, ordinal));
CREATE TABLE signals (run bigint NOT NULL, ordinal bigint NOT NULL, producer bigint, version bigint NOT NULL,
    collateral_name text COLLATE "C" NOT NULL, payload bytea NOT NULL, PRIMARY KEY (run, ordinal));
CREATE TABLE history (run bigint NOT NULL, sequence bigint NOT NULL, ordinal bigint NOT NULL, signal bigint,
    started_at double precision NOT NULL, duration double precision NOT NULL, place integer NOT NULL,
    attempt_number integer NOT NULL, dendrite_index integer NOT NULL, status text COLLATE "C" NOT NULL,
    neuron_name text COLLATE "C" NOT NULL, collateral_name text COLLATE "C" NOT NULL, error text, contexts bytea);
CREATE INDEX history_of_run ON history (run);
INSERT INTO progress VALUES (1, 1, 0, 1, 1, 0, 1, 0);
INSERT INTO signals VALUES (1, 0, NULL, 1, 'c0', '');
INSERT INTO frontier VALUES (1, 0, 0, 0, 'n0', 'c0', NULL);
"""


def hops_per_second(url: str, hops: int, payload: bytes) -> float:
    """Return how many transactions of several statements a second went into new tables."""
    with psycopg.connect(url) as connection:
        connection.execute(TABLES)
        connection.commit()
        start = perf_counter()
        for hop in range(1, hops + 1):
            _commit(connection, hop, payload)
        rate = hops / (perf_counter() - start)
        connection.execute("DROP SCHEMA bare_yardstick CASCADE")
        return rate


def statements_per_second(url: str, hops: int, payload: bytes) -> float:
    """Return the same where each transaction is one statement, which the server is sent once."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES)
        start = perf_counter()
        for hop in range(1, hops + 1):
            values = [value for _, values in _statements(hop, payload) for value in values]
            connection.execute(ALL_IN_ONE, values, prepare=True)
        rate = hops / (perf_counter() - start)
        connection.execute("DROP SCHEMA bare_yardstick CASCADE")
        return rate


def _commit(connection: Connection, hop: int, payload: bytes) -> None:
    for statement, values in _statements(hop, payload):
        connection.execute(statement, values, prepare=True)
    connection.commit()


def _statements(hop: int, payload: bytes) -> tuple[tuple[str, tuple[object, ...]], ...]:
    neuron, hears, emits, now = f"n{hop}", f"c{hop}", f"c{hop + 1}", time()
    return (
        (ADVANCE, (hop + 1, hop + 1, now, RUN, 1, hop - 1)),
        (ADD_SIGNAL, (RUN, hop, hop - 1, 1, emits, payload)),
        (ADD_TASK, (RUN, hop, hop, 0, neuron, emits, None)),
        (ADD_HISTORY, (RUN, hop, hop - 1, hop - 1, now, 0.00001, 0, 1, 0, "done", neuron, hears, None, None)),
        (REMOVE_TASK, (RUN, hop - 1)),
    )
