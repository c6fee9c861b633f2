"""Finding a run by its name, and who holds it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from cnstra.persist.records import RunStatus
from cnstra.stores.sqlite.workers import living

__all__ = ["find", "is_held"]


def find(connection: sqlite3.Connection, scope: str, run_id: str) -> tuple[int, RunStatus, str | None] | None:
    """Return the key, the status and the owner of a run."""
    query = "SELECT key, status, owner FROM cnstra_runs WHERE scope = ? AND stimulation_id = ?"
    found: tuple[int, RunStatus, str | None] | None = connection.execute(query, (scope, run_id)).fetchone()
    return found


def is_held(connection: sqlite3.Connection, owner: str | None, dead: Collection[str]) -> bool:
    """Tell whether *owner* is a living worker."""
    return owner is not None and owner in living(connection, dead)
