"""The stores that burn, each on a server of its own where it has one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.redis import RedisServer, redis_server

__all__ = ["BACKENDS", "TRANSACTIONAL", "Backend", "backend"]

BACKENDS: Final = ("sqlite", "postgres", "redis")
TRANSACTIONAL: Final = ("sqlite", "postgres")


@final
@dataclass(frozen=True, slots=True)
class Backend:
    """One empty store.

    Attributes:
        name: One of `BACKENDS`.
        url: For `open_store`.
        server: What it is on.
    """

    name: str
    url: str
    server: PostgresServer | RedisServer | None = None


@contextmanager
def backend(name: str, folder: Path) -> Iterator[Backend]:
    """Start what the store *name* needs, and stop it at the end."""
    if name == "sqlite":
        yield Backend(name, f"sqlite:///{folder / 'runs.db'}")
    elif name == "postgres":
        with postgres_server() as postgres:
            yield Backend(name, postgres.url, postgres)
    else:
        with redis_server(aof=True) as redis:
            yield Backend(name, redis.url, redis)
