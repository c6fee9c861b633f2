"""Changing what is stored by hand, as somebody with a database console might."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Final, Literal, TypeAlias

import msgspec
import psycopg
from redis import Redis

from cnstra.stores.redis.keys import Keyspace
from tests.fire.backends import Backend

__all__ = ["COLLATERAL", "Spoiled", "spoil"]

Spoiled: TypeAlias = Literal["payload", "status", "error", "schema"]
"""The payload of the entry signal of a run, its status, the error of its first task; or the version of the schema."""

COLLATERAL: Final = "asked"
"""What runs that are spoiled were started with."""

_CUT_OFF: Final = b'{"number":'
_STATUS: Final = "paused"
_ERROR: Final = "["
_VERSION: Final = 999

_SQLITE: Final[dict[Spoiled, tuple[str, object]]] = {
    "payload": ("UPDATE cnstra_signals SET payload = ? WHERE place = {run} << 32", _CUT_OFF),
    "status": ("UPDATE cnstra_runs SET status = ? WHERE key = {run}", _STATUS),
    "error": ("UPDATE cnstra_frontier SET failure = ? WHERE place = {run} << 32", _ERROR),
    "schema": ("UPDATE cnstra_meta SET schema_version = ?", _VERSION),
}
_POSTGRES: Final[dict[Spoiled, tuple[str, object]]] = {
    "payload": ("UPDATE cnstra.signals SET payload = %s WHERE run = {run} AND ordinal = 0", _CUT_OFF),
    "status": ("UPDATE cnstra.runs SET status = %s WHERE key = {run}", _STATUS),
    "error": ("UPDATE cnstra.frontier SET failure = %s WHERE run = {run} AND ordinal = 0", _ERROR),
    "schema": ("UPDATE cnstra.meta SET schema_version = %s", _VERSION),
}


def spoil(backend: Backend, what: Spoiled, run_id: str = "") -> None:
    """Put in the place of something of a run what no code of ours would write."""
    if backend.name == "redis":
        _spoil_keys(backend.url, what, run_id.encode())
    elif backend.name == "sqlite":
        statement, value = _SQLITE[what]
        run = f"(SELECT key FROM cnstra_runs WHERE stimulation_id = '{run_id}')"
        with closing(sqlite3.connect(backend.url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            connection.execute(statement.format(run=run), (value,))
    else:
        statement, value = _POSTGRES[what]
        run = f"(SELECT key FROM cnstra.runs WHERE stimulation_id = '{run_id}')"
        with psycopg.connect(backend.url, autocommit=True) as postgres:
            postgres.execute(statement.format(run=run).encode(), (value,))


def _spoil_keys(url: str, what: Spoiled, run_id: bytes) -> None:
    keys = Keyspace("cnstra", "").of_run(run_id)
    with Redis.from_url(url) as redis:
        if what == "payload":
            redis.hset(keys.signals, b"0", msgspec.msgpack.encode((COLLATERAL, 1, _CUT_OFF, None)))
        elif what == "status":
            redis.hset(keys.run, b"status", _STATUS)
        elif what == "error":
            redis.hset(keys.failures, b"0", _ERROR)
        else:
            redis.set("{cnstra}:schema", _VERSION)
