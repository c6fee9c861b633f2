"""From what the driver says to what a person can do about it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cnstra.errors import CNSError, StoreError

__all__ = ["BadRow", "Stale", "explain"]


class Stale(Exception):
    """Some delta of a batch does not follow on what is stored, so that none of them was applied."""


class BadRow(Exception):
    """A stored row makes no sense to this code; the message names the run and the problem."""


# By the base name of SQLite's error code; `{path}` and `{wait}` are filled in.
_ADVICE = {
    "SQLITE_BUSY": "the database is locked by another process, for over {wait:g} s: close what holds it, "
    "or give a longer busy_timeout",
    "SQLITE_CANTOPEN": "the file cannot be opened: check that its folder exists and that this user may write there",
    "SQLITE_CORRUPT": "the file is damaged: restore a backup, or save what is left with sqlite3's .recover command",
    "SQLITE_FULL": "the disk is full, and nothing of this write was kept: make room, then go on",
    "SQLITE_IOERR": "the disk refused, and nothing of this write was kept: check the disk and its quota",
    "SQLITE_NOTADB": "the file is not an SQLite database: give another path, or move that file away",
    "SQLITE_PERM": "this user may not use the file: change its permissions, or give another path",
    "SQLITE_READONLY": "the file or its folder is read-only for this user: change that, or give another path",
    "SQLITE_TOOBIG": "the value is larger than SQLite can hold",
}


def explain(error: BaseException, path: Path, busy_timeout: float) -> BaseException:
    """Return *error* as a `StoreError` that names the file and says what to do; other errors come back as they are."""
    if isinstance(error, sqlite3.Error):
        explained = StoreError(f"{path}: {_advice(error, busy_timeout)}")
    elif isinstance(error, BadRow):
        explained = StoreError(f"{path}: {error}")
    elif isinstance(error, OSError) or (
        isinstance(error, (ValueError, OverflowError)) and not isinstance(error, CNSError)
    ):
        explained = StoreError(f"{path}: {error}")  # the driver's word for a text or an integer that SQLite cannot hold
    else:
        return error
    explained.__cause__ = error
    return explained


def _advice(error: sqlite3.Error, busy_timeout: float) -> str:
    name = str(getattr(error, "sqlite_errorname", ""))
    for base, advice in _ADVICE.items():
        if name.startswith(base):
            return f"{advice.format(wait=busy_timeout)} ({error})"
    return f"{error} ({name})" if name else str(error)
