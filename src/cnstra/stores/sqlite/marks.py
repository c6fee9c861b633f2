"""How far what goes by the clock has come; inside a transaction that the caller opens and closes."""

from __future__ import annotations

import sqlite3

__all__ = ["advance", "mark"]


def mark(connection: sqlite3.Connection, scope: str, name: str) -> float | None:
    """Return the mark of that name."""
    query = "SELECT at FROM cnstra_marks WHERE scope = ? AND name = ?"
    row: tuple[float] | None = connection.execute(query, (scope, name)).fetchone()
    return None if row is None else row[0]


def advance(connection: sqlite3.Connection, scope: str, name: str, to: float) -> None:
    """Move the mark of that name forward, never back."""
    connection.execute(
        "INSERT INTO cnstra_marks (scope, name, at) VALUES (?, ?, ?) "
        "ON CONFLICT (scope, name) DO UPDATE SET at = max(at, excluded.at)",
        (scope, name, to),
    )
