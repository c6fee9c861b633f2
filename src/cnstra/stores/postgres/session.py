"""One connection, with the names of the store's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, final

from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.rows import tuple_row
from psycopg.types.numeric import Int8

from cnstra.stores.postgres.arrays import Packed, PackedDumper
from cnstra.stores.postgres.names import Names

__all__ = ["Row", "Session"]

Row: TypeAlias = tuple[Any, ...]


@final
class Session:
    """Runs statements of this package on one connection.

    Args:
        connection: In whatever state its user has left it, which is why nothing here relies on its row factory.
        names: Of the tables.
        sender: Names the store in its notifications.
    """

    def __init__(self, connection: AsyncConnection[Any], names: Names, sender: str) -> None:
        self.connection = connection
        self.names = names
        self.sender = sender

    async def all(self, text: str, values: Mapping[str, object] | Sequence[object] = ()) -> list[Row]:
        """Return all rows."""
        cursor = self.connection.cursor(row_factory=tuple_row)
        await cursor.execute(self.names.fill_percent(text), values)
        return await cursor.fetchall()

    async def first(self, text: str, values: Mapping[str, object] | Sequence[object] = ()) -> Row | None:
        """Return the first row, if there is one."""
        cursor = self.connection.cursor(row_factory=tuple_row)
        await cursor.execute(self.names.fill_percent(text), values)
        return await cursor.fetchone()

    async def several(self, texts: Sequence[str], values: Sequence[object] = ()) -> list[list[Row]]:
        """Run several statements with the same values in one round trip; return the rows of each."""
        async with self.connection.pipeline():
            cursors = [self.connection.cursor(row_factory=tuple_row) for _ in texts]
            for cursor, text in zip(cursors, texts, strict=True):
                await cursor.execute(self.names.fill_percent(text), values)
        return [await cursor.fetchall() for cursor in cursors]

    async def run(self, text: str, values: Mapping[str, object] | Sequence[object] = ()) -> int:
        """Return how many rows were touched."""
        cursor = self.connection.cursor(row_factory=tuple_row)
        await cursor.execute(self.names.fill_percent(text), values)
        return cursor.rowcount

    async def numbered(self, text: str, *values: object, columns: Sequence[bytes | None] = ()) -> list[Row]:
        """Run a statement with the parameters ``$1``, ``$2``, ...: first *values*, and then packed *columns*."""
        cursor = AsyncRawCursor(self.connection, row_factory=tuple_row)
        cursor.adapters.register_dumper(Packed, PackedDumper)
        # Of one type whatever their size, or every size of them would have a prepared statement of its own.
        scalars = [Int8(value) if isinstance(value, int) else value for value in values]
        packed = [None if column is None else Packed(column) for column in columns]
        await cursor.execute(self.names.fill(text), [*scalars, *packed], prepare=True)
        return await cursor.fetchall()

    async def tell(self, scope: str | None) -> None:
        """Tell all who listen that runs of *scope* (or of any) may have become free; it is sent with the commit."""
        channel = self.names.channel if scope is None else self.names.channel_of(scope)
        await self.run("SELECT pg_notify(%s, %s)", (channel, self.sender))
