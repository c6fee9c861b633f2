"""Where runs live: in memory, or in a SQLite file."""

from __future__ import annotations

from cnstra.stores.memory import MemoryStore
from cnstra.stores.opening import open_store
from cnstra.stores.sqlite import SqliteStore

__all__ = [
    "MemoryStore",
    "SqliteStore",
    "open_store",
]
