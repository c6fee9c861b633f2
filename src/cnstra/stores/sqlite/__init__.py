"""The SQLite store: the one package that imports the driver."""

from __future__ import annotations

from cnstra.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
