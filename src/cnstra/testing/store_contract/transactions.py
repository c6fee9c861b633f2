"""The user's own statements and a hop in one transaction."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import pytest

from cnstra.errors import StoreError
from cnstra.persist.ports import Store
from cnstra.testing.building import admitted, frontier, hop, new_run, task

__all__ = ["Ledger", "TransactionContract"]


class Ledger(Protocol):
    """A table of the user's own in the database of a transactional store, with texts in it."""

    async def write(self, connection: Any, text: str) -> None:
        """Insert a text, on the connection of a transaction."""

    async def end(self, connection: Any) -> None:
        """Commit on the connection of a transaction, which is not its user's to commit."""

    async def read(self) -> list[str]:
        """Return the committed texts, in alphabetical order, as some other connection sees them."""
        ...


class TransactionContract:
    """The user's own statements and a hop in one transaction."""

    @pytest.fixture
    def ledger(self, store: Store) -> Ledger:
        """Whoever has a transactional store overrides this one."""
        if store.is_transactional:
            pytest.fail(f"{store.label} is transactional, so its tests need a fixture `ledger`: see Ledger")
        pytest.skip(f"{store.label} has no transactions")

    async def test_a_store_without_transactions_says_so(self, store: Store) -> None:
        if not store.is_transactional:
            with pytest.raises(StoreError):
                await store.transaction().__aenter__()

    async def test_statements_and_hop_are_one_commit(self, store: Store, ledger: Ledger) -> None:
        state = await admitted(store)

        async with store.transaction() as transaction:
            await ledger.write(transaction.connection, "paid")
            assert await ledger.read() == []
            assert await transaction.commit([hop(state)]) == [True]

        assert await ledger.read() == ["paid"]
        assert await frontier(store, "run") == [task(1, of=1)]

    async def test_statements_may_be_committed_alone(self, store: Store, ledger: Ledger) -> None:
        async with store.transaction() as transaction:
            await ledger.write(transaction.connection, "paid")
            assert await transaction.commit([]) == []

        assert await ledger.read() == ["paid"]

    async def test_what_is_not_committed_is_undone(self, store: Store, ledger: Ledger) -> None:
        state = await admitted(store)

        async with store.transaction() as transaction:
            await ledger.write(transaction.connection, "paid")

        assert await ledger.read() == []
        assert await store.commit([hop(state)]) == [True]

    async def test_an_error_undoes_it(self, store: Store, ledger: Ledger) -> None:
        state = await admitted(store)

        async def write_and_fail() -> None:
            async with store.transaction() as transaction:
                await ledger.write(transaction.connection, "paid")
                raise KeyError

        with pytest.raises(KeyError):
            await write_and_fail()

        assert await ledger.read() == []
        assert await store.commit([hop(state)]) == [True]

    async def test_a_cancelled_handler_undoes_it(self, store: Store, ledger: Ledger) -> None:
        state = await admitted(store)
        is_written = asyncio.Event()

        async def write_and_wait() -> None:
            async with store.transaction() as transaction:
                await ledger.write(transaction.connection, "paid")
                is_written.set()
                await asyncio.Event().wait()

        handler = asyncio.ensure_future(write_and_wait())
        await is_written.wait()
        handler.cancel()
        with pytest.raises(asyncio.CancelledError):
            await handler

        assert await ledger.read() == []
        assert await store.commit([hop(state)]) == [True]

    async def test_a_refused_hop_undoes_it(self, store: Store, ledger: Ledger) -> None:
        mine = await admitted(store, new_run("mine"))
        lost = await admitted(store, new_run("lost"))
        await store.take("", "lost", "other", statuses=["running"], dead=["worker"])

        async with store.transaction() as transaction:
            await ledger.write(transaction.connection, "paid")
            assert await transaction.commit([hop(mine), hop(lost)]) == [False, False]

        assert await ledger.read() == []
        assert await frontier(store, "mine") == [task(0)]
        assert await store.commit([hop(mine)]) == [True]

    async def test_a_hop_that_was_committed_before_undoes_it_and_succeeds(self, store: Store, ledger: Ledger) -> None:
        state = await admitted(store)

        for text in ("paid", "paid twice"):
            async with store.transaction() as transaction:
                await ledger.write(transaction.connection, text)
                assert await transaction.commit([hop(state)]) == [True]

        assert await ledger.read() == ["paid"]
        run = await store.get("", "run")
        assert run is not None
        assert run.hop_count == 1

    async def test_a_transaction_is_committed_once(self, store: Store, ledger: Ledger) -> None:
        state = await admitted(store)

        async with store.transaction() as transaction:
            await ledger.write(transaction.connection, "paid")
            await transaction.commit([hop(state)])
            with pytest.raises(StoreError):
                await transaction.commit([hop(state)])

        with pytest.raises(StoreError):
            await transaction.commit([hop(state)])
        assert await ledger.read() == ["paid"]

    async def test_a_handler_that_ends_the_transaction_itself_is_told(self, store: Store, ledger: Ledger) -> None:
        state = await admitted(store)

        async def commit_twice() -> None:
            async with store.transaction() as transaction:
                await ledger.write(transaction.connection, "paid")
                await ledger.end(transaction.connection)
                await transaction.commit([hop(state)])

        with pytest.raises(StoreError):
            await commit_twice()

        assert await frontier(store, "run") == [task(0)]
        assert await store.commit([hop(state)]) == [True]

    async def test_transactions_and_other_commits_go_on_side_by_side(self, store: Store, ledger: Ledger) -> None:
        states = [await admitted(store, new_run(f"run-{n}")) for n in range(12)]

        async def commit_one(n: int) -> list[bool]:
            if n % 2:
                return await store.commit([hop(states[n])])
            async with store.transaction() as transaction:
                await ledger.write(transaction.connection, f"paid {n:02}")
                await asyncio.sleep(0)
                return await transaction.commit([hop(states[n])])

        assert await asyncio.gather(*(commit_one(n) for n in range(12))) == [[True]] * 12

        assert await ledger.read() == [f"paid {n:02}" for n in range(0, 12, 2)]
        for n in range(12):
            assert await frontier(store, f"run-{n}") == [task(1, of=1)]
