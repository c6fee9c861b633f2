"""Where runs live: in memory, in a SQLite file, in Postgres or in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnstra.stores.extras import EXTRAS, load
from cnstra.stores.memory import MemoryStore
from cnstra.stores.opening import open_store
from cnstra.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from cnstra.stores.postgres import PostgresStore
    from cnstra.stores.redis import RedisStore

__all__ = [
    "MemoryStore",
    "PostgresStore",
    "RedisStore",
    "SqliteStore",
    "open_store",
]


def __getattr__(name: str) -> Any:
    if name not in EXTRAS:
        raise AttributeError(f"module 'cnstra.stores' has no attribute {name!r}")
    return load(name)


def __dir__() -> list[str]:
    return sorted(__all__)
