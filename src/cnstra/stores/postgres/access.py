"""Everything that a store has open between `open` and `close`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any, Final, TypeAlias, final
from uuid import uuid4

from psycopg import AsyncConnection

from cnstra.errors import StoreError
from cnstra.persist.commands import CommandRecord
from cnstra.persist.delta import Delta
from cnstra.persist.records import NewRun, RunState
from cnstra.stores.postgres import commands, ownership
from cnstra.stores.postgres.address import Address
from cnstra.stores.postgres.admission import Admission
from cnstra.stores.postgres.admitting import Admitter
from cnstra.stores.postgres.commits import Committing, is_simple
from cnstra.stores.postgres.connections import Connections, connect
from cnstra.stores.postgres.errors import explaining
from cnstra.stores.postgres.heart import Heart
from cnstra.stores.postgres.listening import Listener
from cnstra.stores.postgres.pipe import Pipe
from cnstra.stores.postgres.schema import migrate
from cnstra.stores.postgres.session import Session
from cnstra.stores.postgres.transactions import PostgresTransaction

__all__ = ["Access"]

Taken: TypeAlias = tuple[int, str]
"""The fence that a run has once it is taken, and who has it then."""

_SNAPSHOT: Final = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


@final
class Access:
    """The connections of one open store: a pool, those of handlers, and one each to admit, commit, listen and beat.

    Args:
        address: Where to connect.
        pool_size: As in `Connections`, like the next two.
        max_transactions: For handlers.
        transaction_timeout: As in `Connections`.
        patience: Seconds to wait for a connection.
    """

    def __init__(
        self, address: Address, *, pool_size: int, max_transactions: int, transaction_timeout: float, patience: float
    ) -> None:
        self._address = address
        self._label = address.label
        self._sender = uuid4().hex
        self._doubts: dict[int, Taken] = {}  # runs that may have been taken
        self._doubtful: list[Admission] = []  # runs that may have been admitted to a worker
        self._doubtful_commands: dict[int, int] = {}  # that may have been taken, and for which time
        self._committing = Committing(address.names, self._sender)
        self._pool = Connections(
            address,
            pool_size=pool_size,
            max_transactions=max_transactions,
            transaction_timeout=transaction_timeout,
            patience=patience,
        )
        self._committer = Pipe(partial(connect, address))
        self._admitter = Admitter(
            Pipe(partial(connect, address)), address.names, self._sender, doubted=self._doubtful.append
        )
        self._listener = Listener(partial(connect, address), address.names, self._sender)
        self._heart = Heart(address)

    async def open(self) -> None:
        """Connect, and bring the tables up to date."""
        with explaining(self._label):
            async with await connect(self._address) as connection:
                await migrate(self._session(connection), self._label)

    async def close(self) -> None:
        """Disconnect."""
        await self._admitter.close()
        with suppress(StoreError):  # else the lease of this worker will end, and others take these runs
            await self.settle_doubts()
        await asyncio.to_thread(self._heart.close)
        await self._listener.close()
        await self._committer.close()
        await self._pool.close()

    # ---- connections of the pool -----------------------------------------------------------------------------

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Session]:
        """Lend a connection on which each statement is a transaction."""
        with explaining(self._label):
            async with self._pool.one() as connection:
                yield self._session(connection)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Session]:
        """Lend a connection in a transaction, which is committed at the end."""
        async with self.statement() as session, session.connection.transaction():
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Session]:
        """Lend a connection that sees one state of the tables throughout."""
        async with self.statement() as session:
            await session.connection.execute(_SNAPSHOT)
            yield session
            await session.connection.rollback()

    @asynccontextmanager
    async def taking(self) -> AsyncIterator[tuple[Session, dict[int, Taken]]]:
        """Lend a connection as `writing` does, and a dict for the runs that are taken on it, by key.

        If it is not certain in the end that this was committed (the answer was lost, the caller was cancelled), nobody
        will run these runs, and yet they belong to a living worker. They are noted, for `settle_doubts`.
        """
        taken: dict[int, Taken] = {}
        try:
            async with self.writing() as session:
                yield session, taken
        except BaseException:
            self._doubts |= taken
            raise

    async def settle_doubts(self) -> None:
        """Let go of runs that may have been taken without anybody knowing."""
        for key, (fence, owner) in list(self._doubts.items()):
            async with self.writing() as session:
                await ownership.put_back(session, key, fence, owner=owner)
            self._doubts.pop(key, None)
        for admission in list(self._doubtful):
            async with self.writing() as session:
                await ownership.let_go(session, admission)
            self._doubtful.remove(admission)

    async def take_command(self, wanted: commands.Wanted) -> CommandRecord | None:
        """Take a command; one that may have been taken without anybody knowing is put back at the next look."""
        async with self.statement() as session:
            for number, takes in list(self._doubtful_commands.items()):
                await commands.put_back(session, number, takes)
                self._doubtful_commands.pop(number, None)
            if not await commands.is_any_free(session, wanted):  # most looks: one round trip
                return None
        taken: CommandRecord | None = None
        try:
            async with self.writing() as session:
                taken = await commands.take(session, wanted)
        except BaseException:
            self._doubtful_commands |= {} if taken is None else {taken.number: taken.takes}
            raise
        return taken

    def _session(self, connection: AsyncConnection[Any]) -> Session:
        return Session(connection, self._address.names, self._sender)

    # ---- connections of their own ----------------------------------------------------------------------------

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        """Commit *deltas*; tell for each whether it is applied."""
        if not is_simple(deltas):
            async with self.writing() as session:
                return (await self._committing.within(session, deltas)).applied
        with explaining(self._label):
            moved = await self._committing.through(self._committer, deltas)
        if len(moved) == len(deltas):
            return [True] * len(deltas)
        async with self.statement() as session:  # rare: a run was taken over, deleted, or an answer was lost
            moved |= await self._committing.standing(session, deltas)
        return [delta.key in moved for delta in deltas]

    async def admit(self, run: NewRun, worker_id: str | None) -> RunState | None:
        """Store a new run; ``None`` if its id is taken."""
        with explaining(self._label):
            return await self._admitter.admit(run, worker_id)

    def beat(self, worker_id: str, lease: float) -> bool:
        """Renew a lease; called from any thread."""
        with explaining(self._label):
            return self._heart.beat(worker_id, lease)

    async def wait(self, scope: str, seconds: float) -> bool:
        """Wait for news of free runs."""
        with explaining(self._label):
            return await self._listener.wait(scope, seconds)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        """Begin a transaction for a handler; what it raises itself passes as it is."""
        async with AsyncExitStack() as stack:
            with explaining(self._label):
                connection = await stack.enter_async_context(self._pool.for_handler())
                transaction = PostgresTransaction(self._session(connection), self._committing, self._label)
                await transaction.begin()
            stack.push_async_callback(transaction.leave)
            yield transaction
