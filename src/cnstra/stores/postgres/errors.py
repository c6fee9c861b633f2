"""From what the driver says to what a person can do about it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg.errors import lookup
from psycopg.pq import DiagnosticField
from psycopg.pq.abc import PGresult

from cnstra.errors import CNSError, StoreError

__all__ = ["BadRow", "NoConnection", "NoneFree", "error_of", "explain", "explaining"]


class NoConnection(psycopg.OperationalError):
    """The server could not be reached, or did not let us in."""


class NoneFree(psycopg.OperationalError):
    """Others keep all connections."""


class BadRow(Exception):
    """A stored row makes no sense to this code; the message names the run and the problem."""


# By the code of the error or its first two characters, the class; the longer one counts.
_ADVICE: Final = {
    "08": "the connection was cut; what was under way may be done or not",
    "22021": "Postgres cannot hold such a text (it has a NUL character)",
    "23": "the tables were changed by somebody else than cnstra",
    "25006": "the server is read-only: it may be a standby; connect to the primary (target_session_attrs=read-write)",
    "25P03": "the transaction stood still for longer than transaction_timeout, and nothing of it was kept",
    "28": "the server refuses the login: check user, password and pg_hba.conf",
    "3D000": "there is no such database: create it first",
    "3F000": "the schema is gone: open the store again to make it",
    "40": "the transaction collided with another one, and nothing of it was kept: try again",
    "42501": "the role lacks a right: grant USAGE on the schema, and SELECT, INSERT, UPDATE, DELETE on its tables",
    "42P01": "a table is missing: open the store again to make it",
    "53100": "the disk of the server is full, and nothing of this write was kept: make room, then go on",
    "53300": "the server has no connection left: raise max_connections, or give a smaller pool_size",
    "55P03": "a lock was not to be had in time (lock_timeout), and nothing was kept: look for a transaction left open",
    "57014": "the server cancelled the statement (statement_timeout), and nothing of it was kept",
    "57P": "the server stops or starts; what was under way may be done or not",
}
_CUT = "the server has cut the connection; what was under way may be done or not"
_UNREACHABLE = "the server cannot be reached, or refuses the connection"
_BUSY = "no connection became free in time: give a larger pool_size"

_Explained = (psycopg.Error, OSError, ValueError, OverflowError, struct.error, BadRow)


def explain(error: BaseException, label: str) -> StoreError:
    """Return *error* as a `StoreError` that names the store and says what to do."""
    text = " ".join(str(error).split())
    if isinstance(error, BadRow):
        return StoreError(f"{label}: {error}")
    if isinstance(error, psycopg.Error):
        advice = _advice(error)
        return StoreError(f"{label}: {advice} ({text})" if advice else f"{label}: {text}")
    if isinstance(error, OSError):
        return StoreError(f"{label}: {_UNREACHABLE} ({text})")
    return StoreError(f"{label}: Postgres cannot hold a value of this write ({text})")


def error_of(result: PGresult | None) -> psycopg.Error:
    """Return the error that the server has answered with, as the driver would raise it."""
    if result is None:
        return psycopg.OperationalError("the server gave no answer")
    code = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
    text = (result.error_field(DiagnosticField.MESSAGE_PRIMARY) or result.error_message).decode(errors="replace")
    try:
        kind: type[psycopg.Error] = lookup(code)
    except KeyError:
        return psycopg.DatabaseError(text)
    return kind(text)


@contextmanager
def explaining(label: str) -> Iterator[None]:
    """Turn what the driver raises into a `StoreError`; other errors, ours among them, pass."""
    try:
        yield
    except CNSError:
        raise
    except _Explained as error:
        raise explain(error, label) from error


def _advice(error: psycopg.Error) -> str:
    if isinstance(error, NoneFree):
        return _BUSY
    if isinstance(error, NoConnection):
        return _UNREACHABLE
    code = error.sqlstate or ""
    for length in (5, 3, 2):
        if code[:length] in _ADVICE:
            return _ADVICE[code[:length]]
    return _CUT if not code and isinstance(error, psycopg.OperationalError) else ""
