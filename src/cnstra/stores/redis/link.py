"""What the parts of the store share: the server, and how things are called there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn, final

from cnstra.errors import StoreError
from cnstra.stores.redis.errors import explain
from cnstra.stores.redis.keys import Keyspace, shared_key, to_bytes
from cnstra.stores.redis.script import Script

if TYPE_CHECKING:
    from cnstra.stores.redis.servers import Server

__all__ = ["Link"]

_LIVING: Final = Script("living", "clock")


@final
class Link:
    """A store that is open, or not yet.

    Args:
        label: Of the store.
        prefix: Of its keys.

    Attributes:
        label: Of the store.
        server: Where it is; ``None`` while it is not open.
        changed: The channel where changes are told.
        schema: The key of the version of the schema.
        workers: The keys of the workers and of their leases.
    """

    def __init__(self, label: str, prefix: str) -> None:
        self.label = label
        self.server: Server | None = None
        self.changed = shared_key(prefix, "changed")
        self.schema = shared_key(prefix, "schema")
        self.workers = (shared_key(prefix, "workers"), shared_key(prefix, "leases"))
        self._prefix = prefix
        self._spaces: dict[str, Keyspace] = {}

    def space(self, scope: str) -> Keyspace:
        """Return the keys of a scope."""
        space = self._spaces.get(scope)
        if space is None:
            space = self._spaces[scope] = Keyspace(self._prefix, scope)
        return space

    async def call(self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes] = ()) -> Any:
        """Run a script.

        Raises:
            StoreError: If it cannot be run, or its answer is lost.
        """
        server = self.server or self._refuse()
        try:
            return await server.call(script, keys, arguments)
        except Exception as error:
            raise explain(error, self.label) from error

    async def info(self) -> Sequence[Mapping[str, str]]:
        """Return what the servers tell about themselves.

        Raises:
            StoreError: If they do not.
        """
        server = self.server or self._refuse()
        with self.explaining():
            return await server.info()

    def _refuse(self) -> NoReturn:
        raise StoreError(f"{self.label} is not open: await its open() first")

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Raise what goes wrong inside as a `StoreError`."""
        try:
            yield
        except Exception as error:
            raise explain(error, self.label) from error

    async def living(self, dead: Collection[str]) -> set[bytes]:
        """Return the workers whose lease lasts, by the clock of the server that has the leases, without the *dead*."""
        return set(await self.call(_LIVING, self.workers[1:])).difference(map(to_bytes, dead))
