"""Handlers that run inside the transaction in which their hop commits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self, final

from cnstra.errors import GraphError, StoreError

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.durable.gathering import Pending, Sink, TaskHandle
    from cnstra.durable.recorder import RunRecorder
    from cnstra.persist.delta import Delta
    from cnstra.persist.ports import HopTransaction, Store

__all__ = ["HopTransactions", "OpenTransaction", "require_transactions"]


@final
class OpenTransaction:
    """A transaction of the store that is committed once, or undone."""

    def __init__(self, inner: HopTransaction, scope: AsyncExitStack) -> None:
        self._inner = inner
        self._scope = scope

    @classmethod
    async def begin(cls, store: Store) -> Self:
        """Begin one.

        Raises:
            StoreError: If the store cannot.
        """
        scope = AsyncExitStack()
        return cls(await scope.enter_async_context(store.transaction()), scope)

    @property
    def connection(self) -> Any:
        """The driver's connection."""
        return self._inner.connection

    async def commit(self, delta: Delta) -> bool:
        """Commit *delta* with what the handler did; ``False``, and nothing at all is kept, if it is refused.

        Raises:
            StoreError: If it cannot be committed, or nobody knows whether it was.
        """
        async with self._scope:
            [applied] = await self._inner.commit([delta])
        return applied

    async def undo(self) -> None:
        """Take back what the handler did."""
        await self._scope.aclose()


@final
class HopTransactions:
    """The transactional handlers of one run: one at a time, each committed with its hop.

    The deltas of a run are committed in order. So before a transaction begins, everything earlier must be on disk, and
    while it is open, everything else that the run records is held back; it is committed with the handler's own hop.
    """

    def __init__(self, recorder: RunRecorder, sink: Sink) -> None:
        self._recorder = recorder
        self._sink = sink
        self._turn = asyncio.Lock()
        self.is_open = False

    async def run(self, handle: TaskHandle, call: Callable[[], Any]) -> Any:
        """Run a handler; return what it comes to, and leave its transaction in *handle*.

        Raises:
            StoreError: If no transaction can be begun.
        """
        await self._turn.acquire()
        self.is_open = True
        try:
            transaction = await self._begin()
        except BaseException:
            self._end()
            raise
        handle.connection = transaction.connection
        try:
            result = call()
            while hasattr(type(result), "__await__"):
                result = await result
        except GeneratorExit:  # the event loop is gone, and everything with it
            raise
        except BaseException:
            handle.connection = None
            await asyncio.shield(self._sink.undo(transaction, self._end))
            raise
        handle.connection = None
        handle.transaction = transaction
        return result

    def commit(self, handle: TaskHandle, pending: Pending) -> None:
        """Commit *pending*, which has the hop of *handle*, in the transaction that its handler has left."""
        transaction, handle.transaction = handle.transaction, None
        assert transaction is not None  # noqa: S101 - the caller has asked
        self._sink.write_in(transaction, pending, self._end)

    def undo(self, handle: TaskHandle) -> None:
        """Take back what the handler did, since its hop will not be recorded as done."""
        transaction, handle.transaction = handle.transaction, None
        if transaction is not None:
            self._sink.undo(transaction, self._end)

    async def _begin(self) -> OpenTransaction:
        await self._earlier_is_written()
        if self._recorder.broken:
            raise StoreError(f"run {self._recorder.stimulation_id!r} was stopped before its transaction began")
        return await self._sink.begin()

    async def _earlier_is_written(self) -> None:
        latest = self._recorder.latest
        if latest is None or latest.is_over:
            return
        if latest is self._recorder.pending:
            self._sink.submit(latest, at_once=True)
        written = asyncio.Event()
        latest.watch(written.set)
        await written.wait()

    def _end(self) -> None:
        self.is_open = False
        self._turn.release()
        self._recorder.submit_held_back()


def require_transactions(cns: CNS[Any], store: Store) -> None:
    """Refuse a graph with transactional dendrites on a store that has no transactions.

    Raises:
        GraphError: Naming the first such dendrite.
    """
    if store.is_transactional:
        return
    for neuron in cns.neurons:
        for dendrite in neuron.dendrites:
            if dendrite.transactional:
                raise GraphError(
                    f"the handler of neuron {neuron.label} for {dendrite.collateral.label} is transactional, and "
                    f"{store.label} has no transactions: use a SqliteStore or a PostgresStore"
                )
