"""A store by its address."""

from __future__ import annotations

import os
from urllib.parse import unquote

from cnstra.errors import StoreError
from cnstra.persist.ports import Store
from cnstra.stores.extras import load
from cnstra.stores.memory import MemoryStore
from cnstra.stores.sqlite import SqliteStore

__all__ = ["open_store"]

_KNOWN = "sqlite:///relative.db, sqlite:////absolute/path.db, postgresql://user@host/database, redis://host:6379/0, memory://"
_WITH_DRIVER = {
    "postgres": "PostgresStore",
    "postgresql": "PostgresStore",
    "redis": "RedisStore",
    "rediss": "RedisStore",
}


def open_store(url: str | os.PathLike[str] | Store) -> Store:
    """Return the store that *url* names, not opened yet.

    Args:
        url: ``"sqlite:///runs.db"`` (relative), ``"sqlite:////var/lib/runs.db"`` (absolute),
            ``"postgresql://user:password@host/database"``, ``"redis://host:6379/0"`` or ``"memory://"``; a path is a
            SQLite file; a store is returned as it is.

    Raises:
        StoreError: If *url* names no store that this version has, or the driver of that store is not installed.
    """
    if isinstance(url, os.PathLike):
        return SqliteStore(url)
    if not isinstance(url, str):
        return url
    scheme, separator, rest = url.partition("://")
    if not separator:
        shown = "this" if "@" in url or "=" in url else repr(url)  # there may be a password in it
        raise StoreError(f"{shown} is no address of a store; write one of {_KNOWN}, or give a pathlib.Path")
    if scheme == "memory":
        if rest:
            raise StoreError(f"{url!r}: a store in memory has no name; write memory://")
        return MemoryStore()
    if scheme == "sqlite":
        return SqliteStore(_path_of(url, rest))
    if scheme in _WITH_DRIVER:
        return _store_with_driver(_WITH_DRIVER[scheme], url)
    raise StoreError(f"no store is known for {scheme}://; there are {_KNOWN}")


def _store_with_driver(name: str, url: str) -> Store:
    try:
        made: Store = load(name)(url)
    except ImportError as error:
        raise StoreError(str(error)) from error
    return made


def _path_of(url: str, rest: str) -> str:
    if not rest.startswith("/"):
        raise StoreError(
            f"{url!r}: write three slashes for a relative path (sqlite:///runs.db), four for an absolute one"
        )
    if "?" in rest:
        raise StoreError(f"{url!r}: the address takes no parameters; give a SqliteStore(path, ...) instead")
    return unquote(rest[1:])
