import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from cnstra import (
    CNS,
    CNSPersistOptionsRegistry,
    Collateral,
    DurableRunner,
    Fenced,
    GraphError,
    StimulationFailed,
    StoreError,
    collateral,
    neuron,
)
from cnstra.core.context import HandlerContext
from cnstra.persist.delta import Delta
from cnstra.persist.ports import HopTransaction, Store
from cnstra.persist.records import Durability
from cnstra.stores import MemoryStore, SqliteStore
from tests.durability.wrapping import StoreWrapper
from tests.durable.graphs import Boom, Item

Context = HandlerContext[Any, Any]
Payment = Callable[[Item, Any, Context], Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a database that the user and the store share."""
    path = tmp_path / "shared.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE paid (activation_id TEXT PRIMARY KEY, amount INTEGER)")
    return path


@pytest.fixture
def store(path: Path) -> SqliteStore:
    return SqliteStore(path, synchronous="OFF")


def paid(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [amount for (amount,) in connection.execute("SELECT amount FROM paid ORDER BY amount")]


def pay(item: Item, axon: Any, ctx: Context) -> Any:
    ctx.connection.execute("INSERT INTO paid VALUES (?, ?)", (ctx.activation_id, item.n))
    return axon.paid.create_signal(item)


class Shop:
    """An order for each item goes to the cashier, who pays inside the hop; the clerk hears of what was paid."""

    def __init__(self, payment: Payment = pay, *, helper: Callable[[Item], Any] | None = None) -> None:
        self.ordered: Collateral[list[int]] = collateral(list[int], name="ordered")
        order, told = collateral(Item, name="order"), collateral(Item, name="paid")
        self.heard: list[int] = []
        self.desk = neuron({"order": order}, name="desk").dendrite(
            self.ordered, lambda numbers, axon: [axon.order.create_signal(Item(n)) for n in numbers]
        )
        self.cashier = neuron({"paid": told}, name="cashier").dendrite(order, payment, transactional=True)
        self.clerk = neuron({}, name="clerk").dendrite(told, lambda item: self.heard.append(item.n))
        neurons = [self.desk, self.cashier, self.clerk]
        if helper is not None:
            neurons.append(neuron({}, name="helper").dendrite(order, helper))
        self.registry = CNSPersistOptionsRegistry().register_collateral("ordered", self.ordered)
        for one in neurons:
            self.registry.register(one.label, one)
        self.cns = CNS(neurons)

    def runner(self, store: Store, **options: Any) -> DurableRunner:
        return DurableRunner(self.cns, self.registry, store, **options)

    async def run(self, runner: DurableRunner, *numbers: int) -> None:
        await (await runner.stimulate(self.ordered.create_signal([*numbers]), stimulation_id="a"))


# ---- one commit ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("durability", ["hop", "interval", "exit"])
async def test_what_a_handler_writes_is_committed_with_its_hop(
    store: SqliteStore, path: Path, durability: Durability
) -> None:
    shop = Shop()

    async with shop.runner(store, durability=durability) as runner:
        await shop.run(runner, 1, 2, 3)

    assert paid(path) == [1, 2, 3]
    assert sorted(shop.heard) == [1, 2, 3]


async def test_a_coroutine_function_may_wait_between_its_statements(store: SqliteStore, path: Path) -> None:
    async def slowly(item: Item, axon: Any, ctx: Context) -> Any:
        ctx.connection.execute("INSERT INTO paid VALUES (?, 0)", (ctx.activation_id,))
        await asyncio.sleep(0.001)
        ctx.connection.execute("UPDATE paid SET amount = ? WHERE activation_id = ?", (item.n, ctx.activation_id))

    shop = Shop(slowly)
    async with shop.runner(store) as runner:
        await shop.run(runner, 4, 5)

    assert paid(path) == [4, 5]


async def test_what_a_failing_handler_wrote_is_undone(store: SqliteStore, path: Path) -> None:
    def fail(item: Item, axon: Any, ctx: Context) -> Any:
        pay(item, axon, ctx)
        if item.n == 2:
            raise Boom

    shop = Shop(fail)

    async with shop.runner(store) as runner:
        with pytest.raises(StimulationFailed):
            await shop.run(runner, 1, 2, 3)
        [left] = await runner.frontier("a")

    assert paid(path) == [1, 3]
    assert left.neuron_name == "cashier"


async def test_a_hop_whose_output_cannot_be_stored_undoes_what_was_written(store: SqliteStore, path: Path) -> None:
    def overflow(item: Item, axon: Any, ctx: Context) -> Any:
        pay(item, axon, ctx)
        return axon.paid.create_signal(object())

    shop = Shop(overflow)

    async with shop.runner(store) as runner:
        with pytest.raises(StimulationFailed):
            await shop.run(runner, 1)

    assert paid(path) == []


async def test_a_retry_pays_once(store: SqliteStore, path: Path) -> None:
    broken = True

    def fail_first(item: Item, axon: Any, ctx: Context) -> Any:
        signal = pay(item, axon, ctx)
        if broken:
            raise Boom
        return signal

    shop = Shop(fail_first)
    async with shop.runner(store) as runner:
        with pytest.raises(StimulationFailed):
            await shop.run(runner, 7)
        broken = False
        await (await runner.retry("a"))

    assert (paid(path), shop.heard) == ([7], [7])


async def test_what_else_the_run_does_meanwhile_is_committed_with_it(store: SqliteStore, path: Path) -> None:
    helped: list[int] = []
    release = asyncio.Event()

    async def wait(item: Item, axon: Any, ctx: Context) -> Any:
        signal = pay(item, axon, ctx)
        await release.wait()
        return signal

    def help_out(item: Item) -> None:
        helped.append(item.n)
        release.set()

    shop = Shop(wait, helper=help_out)
    async with shop.runner(store) as runner:
        await shop.run(runner, 1, 2)
        tasks = await runner.tasks("a")

    assert (paid(path), helped) == ([1, 2], [1, 2])
    assert sorted(task.neuron_name for task in tasks) == [
        "cashier",
        "cashier",
        "clerk",
        "clerk",
        "desk",
        "helper",
        "helper",
    ]


async def test_runs_side_by_side_take_turns(store: SqliteStore, path: Path) -> None:
    shop = Shop()

    async with shop.runner(store) as runner:
        runs = [await runner.stimulate(shop.ordered.create_signal([n])) for n in range(20)]
        await asyncio.gather(*runs)

    assert paid(path) == [*range(20)]


# ---- what goes wrong -------------------------------------------------------------------------------------------------


Step = Callable[[Sequence[Delta]], None]


class Interfering(StoreWrapper):
    """Does something to the deltas of each transaction, before or after its commit."""

    def __init__(self, inner: Store, *, before: Step = lambda _: None, after: Step = lambda _: None) -> None:
        super().__init__(inner)
        self.before, self.after = before, after

    @asynccontextmanager
    async def _interfered(self) -> AsyncIterator[HopTransaction]:
        async with self.inner.transaction() as transaction:
            yield _Interfered(transaction, self)

    def transaction(self) -> AbstractAsyncContextManager[HopTransaction]:
        return self._interfered()


class _Interfered:
    def __init__(self, inner: HopTransaction, store: Interfering) -> None:
        self._inner = inner
        self._store = store

    @property
    def connection(self) -> Any:
        return self._inner.connection

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        self._store.before(deltas)
        applied = await self._inner.commit(deltas)
        self._store.after(deltas)
        return applied


def lose(deltas: Sequence[Delta]) -> None:
    raise StoreError("the connection was lost")


async def test_a_commit_that_was_lost_leaves_a_run_that_pays_once(store: SqliteStore, path: Path) -> None:
    shop = Shop()
    async with shop.runner(Interfering(store, before=lose)) as runner:
        with pytest.raises(StoreError, match="the connection was lost"):
            await shop.run(runner, 1)

    async with shop.runner(store) as runner:
        await runner.wait("a")

    assert (paid(path), shop.heard) == ([1], [1])


async def test_a_commit_whose_answer_was_lost_leaves_a_run_that_pays_once(store: SqliteStore, path: Path) -> None:
    shop = Shop()
    async with shop.runner(Interfering(store, after=lose)) as runner:
        with pytest.raises(StoreError, match="the connection was lost"):
            await shop.run(runner, 1)

    async with shop.runner(store) as runner:
        await runner.wait("a")

    assert (paid(path), shop.heard) == ([1], [1])


async def test_a_worker_that_has_lost_its_run_takes_its_payment_back(store: SqliteStore, path: Path) -> None:
    def grow_old(deltas: Sequence[Delta]) -> None:
        for delta in deltas:
            delta.fence -= 1  # as if another worker had taken the run meanwhile

    shop = Shop()
    async with shop.runner(Interfering(store, before=grow_old)) as runner:
        with pytest.raises(Fenced):
            await shop.run(runner, 1)

    assert paid(path) == []


async def test_a_handler_that_commits_by_itself_is_told_off(store: SqliteStore) -> None:
    def commit(item: Item, axon: Any, ctx: Context) -> None:
        ctx.connection.execute("COMMIT")

    shop = Shop(commit)
    async with shop.runner(store) as runner:
        with pytest.raises(StoreError, match="ended the transaction"):
            await shop.run(runner, 1)


async def test_an_abort_lets_the_transaction_end(store: SqliteStore, path: Path) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def wait(item: Item, axon: Any, ctx: Context) -> Any:
        signal = pay(item, axon, ctx)
        entered.set()
        await release.wait()
        return signal

    shop = Shop(wait)
    async with shop.runner(store) as runner:
        await runner.stimulate(shop.ordered.create_signal([1, 2]), stimulation_id="a")
        await entered.wait()
        aborting = asyncio.ensure_future(runner.abort("a"))
        await asyncio.sleep(0)
        release.set()
        await aborting
        info = await runner.get("a")

    assert info is not None
    assert info.status == "aborted"
    assert 1 in paid(path)


async def test_a_handler_that_does_not_end_in_time_is_undone_and_runs_again(store: SqliteStore, path: Path) -> None:
    patient, hanging = True, asyncio.Event()

    async def hang(item: Item, axon: Any, ctx: Context) -> Any:
        signal = pay(item, axon, ctx)
        hanging.set()
        if patient:
            await asyncio.Event().wait()
        return signal

    shop = Shop(hang)
    runner = shop.runner(store, grace=0.01)
    async with runner:
        await runner.stimulate(shop.ordered.create_signal([1]), stimulation_id="a")
        await hanging.wait()
    assert paid(path) == []

    patient = False
    async with shop.runner(store) as again:
        await again.wait("a")
    assert paid(path) == [1]


# ---- what is refused -------------------------------------------------------------------------------------------------


async def test_a_store_without_transactions_refuses_the_graph() -> None:
    with pytest.raises(GraphError, match=r"neuron cashier for order is transactional, and the store in memory has no"):
        await Shop().runner(MemoryStore()).open()


def test_a_transactional_handler_needs_its_ctx() -> None:
    order = collateral(Item, name="order")

    with pytest.raises(GraphError, match="is transactional but takes no ctx"):
        neuron({}, name="cashier").dendrite(order, lambda item: None, transactional=True)


def test_a_transactional_handler_stays_out_of_threads() -> None:
    order = collateral(Item, name="order")

    with pytest.raises(GraphError, match="cannot be used in a thread"):
        neuron({}, name="cashier").dendrite(order, pay, transactional=True, in_thread=True)


async def test_there_is_no_connection_outside_a_durable_run() -> None:
    shop = Shop()

    with pytest.raises(StimulationFailed) as raised:
        await shop.cns.stimulate(shop.ordered.create_signal([1]))

    assert "run it by a DurableRunner" in str(raised.value.exceptions[0])
