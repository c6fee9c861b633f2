"""A store by its address."""

from __future__ import annotations

import os
from urllib.parse import unquote

from cnstra.errors import StoreError
from cnstra.persist.ports import Store
from cnstra.stores.memory import MemoryStore
from cnstra.stores.sqlite import SqliteStore

__all__ = ["open_store"]

_KNOWN = "sqlite:///relative.db, sqlite:////absolute/path.db, memory://"
_PLANNED = ("postgres", "postgresql", "redis", "rediss")


def open_store(url: str | os.PathLike[str] | Store) -> Store:
    """Return the store that *url* names, not opened yet.

    Args:
        url: ``"sqlite:///runs.db"`` (relative), ``"sqlite:////var/lib/runs.db"`` (absolute) or ``"memory://"``; a path
            is a SQLite file; a store is returned as it is.

    Raises:
        StoreError: If *url* names no store that this version has.
    """
    if isinstance(url, os.PathLike):
        return SqliteStore(url)
    if not isinstance(url, str):
        return url
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise StoreError(f"{url!r} is no address of a store; write one of {_KNOWN}, or give a pathlib.Path")
    if scheme == "memory":
        if rest:
            raise StoreError(f"{url!r}: a store in memory has no name; write memory://")
        return MemoryStore()
    if scheme == "sqlite":
        return SqliteStore(_path_of(url, rest))
    if scheme in _PLANNED:
        raise StoreError(f"this version of cnstra has no store for {scheme}:// yet; it has {_KNOWN}")
    raise StoreError(f"no store is known for {scheme}://; there are {_KNOWN}")


def _path_of(url: str, rest: str) -> str:
    if not rest.startswith("/"):
        raise StoreError(
            f"{url!r}: write three slashes for a relative path (sqlite:///runs.db), four for an absolute one"
        )
    if "?" in rest:
        raise StoreError(f"{url!r}: the address takes no parameters; give a SqliteStore(path, ...) instead")
    return unquote(rest[1:])
