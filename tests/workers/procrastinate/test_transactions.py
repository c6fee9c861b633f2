"""Adding a job in the caller's own transaction: it exists if, and only if, that commits."""

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from cnstra import CNS, DurableRunner, collateral, create_persist_registry, neuron
from cnstra.errors import GraphError, PayloadError, StoreError
from cnstra.stores.postgres import PostgresStore
from cnstra.workers import StimulationJob, stimulation_job
from cnstra.workers.procrastinate import apply_schema, create_worker, enqueue, open_queue
from tests.durable.graphs import Context, Graph, Item, line, pass_on
from tests.servers.postgres import new_schema
from tests.workers.procrastinate.board import Board

Shop = psycopg.AsyncConnection[Any]


@pytest.fixture
async def shop(url: str) -> AsyncIterator[Shop]:
    """Yield a connection of the caller's own, as the driver makes it: a transaction begins by itself."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        yield connection


@pytest.fixture
async def orders(board: Board) -> AsyncIterator[str]:
    """Yield the name of a table of the caller's own."""
    name = f"orders_{board.name.replace('-', '_')}"
    await board.ask(f"CREATE TABLE {name} (n int)")
    yield name
    await board.ask(f"DROP TABLE {name}")


def job(run_id: str = "a") -> StimulationJob:
    graph = line(pass_on)
    return stimulation_job(graph.registry, graph.signal(1), stimulation_id=run_id)


async def place(shop: Shop, orders: str) -> None:
    await shop.execute(f"INSERT INTO {orders} VALUES (1)".encode())


async def placed(board: Board, orders: str) -> int:
    return len(await board.ask(f"SELECT * FROM {orders}"))


async def test_a_job_is_there_once_its_transaction_has_committed(board: Board, shop: Shop, orders: str) -> None:
    await place(shop, orders)
    await enqueue(board.name, job(), connection=shop)
    before = await board.jobs()
    await shop.commit()

    assert before == []
    assert ((await board.job())["status"], await placed(board, orders)) == ("todo", 1)


async def test_a_job_is_not_there_if_its_transaction_was_rolled_back(board: Board, shop: Shop, orders: str) -> None:
    await place(shop, orders)
    await enqueue(board.name, job(), connection=shop)
    await shop.rollback()

    assert (await board.jobs(), await placed(board, orders)) == ([], 0)


async def test_a_job_that_comes_before_the_rows_is_in_their_transaction(board: Board, shop: Shop, orders: str) -> None:
    await enqueue(board.name, job(), connection=shop, queueing_lock=f"{board.name}-x")
    await place(shop, orders)
    await shop.rollback()

    assert (await board.jobs(), await placed(board, orders)) == ([], 0)


async def test_a_job_goes_with_the_part_of_a_transaction_that_is_rolled_back(
    board: Board, shop: Shop, orders: str
) -> None:
    async with shop.transaction():
        await place(shop, orders)
        async with shop.transaction() as part:
            await enqueue(board.name, job(), connection=shop)
            raise psycopg.Rollback(part)

    assert (await board.jobs(), await placed(board, orders)) == ([], 1)


async def test_a_transaction_survives_a_job_that_a_queueing_lock_keeps_out(
    board: Board, shop: Shop, orders: str
) -> None:
    lock = f"{board.name}-sync"
    await board.add(1, "first", queueing_lock=lock)
    await place(shop, orders)
    added = await enqueue(board.name, job("second"), connection=shop, queueing_lock=lock)
    await place(shop, orders)
    await shop.commit()

    assert added is None
    assert (len(await board.jobs()), await placed(board, orders)) == (1, 2)


async def test_a_connection_in_autocommit_mode_commits_at_once(board: Board) -> None:
    added = await enqueue(board.name, job(), connection=board.connection, queueing_lock=f"{board.name}-x")

    assert (added, (await board.job())["status"]) == ("a", "todo")


async def test_a_worker_is_told_of_a_job_when_its_transaction_commits(board: Board, shop: Shop) -> None:
    graph = line(pass_on)
    async with board.worker(graph):
        await enqueue(board.name, job(), connection=shop)
        await board.add(2, "other")
        await board.until("succeeded", "other")
        before = list(graph.ran)
        await shop.commit()
        await board.until("succeeded")

    assert (before, graph.ran) == (["n0:2"], ["n0:2", "n0:1"])


async def test_a_transactional_handler_adds_a_job_with_its_hop(board: Board, url: str, postgres_schema: str) -> None:
    inner, outer = line(pass_on), adding(board, fails=1)
    store = PostgresStore(url, schema=postgres_schema)
    async with DurableRunner(outer.cns, outer.registry, store) as runner:
        run = await runner.stimulate(outer.signal(5), stimulation_id="outer")
        with pytest.raises(ExceptionGroup):
            await run
        before = await board.jobs()
        await (await runner.retry("outer"))
    async with board.worker(inner):
        await board.until("succeeded", "inner")

    assert before == []
    assert inner.ran == ["n0:5"]


def adding(board: Board, fails: int) -> Graph:
    """Return a graph whose handler adds a job on the connection of its hop, and then fails so many times."""
    entry = collateral(Item, name="c0")
    one = neuron({}, name="adds")
    left = [None] * fails

    @one.dendrite(entry, transactional=True)
    async def add(item: Item, axon: object, ctx: Context) -> None:
        inner = StimulationJob("c0", {"n": item.n}, stimulation_id="inner")
        await enqueue(board.name, inner, connection=ctx.connection)
        if left:
            left.pop()
            raise OSError("no network")

    registry = create_persist_registry({"adds": one}).register_collateral("c0", entry)
    return Graph(CNS([one]), registry, entry, [one], [entry], [])


# ---- what cannot be done -------------------------------------------------------------------------------------------


async def test_options_that_make_no_sense_are_refused(board: Board) -> None:
    wrong: list[dict[str, Any]] = [
        {"priority": 2**31},
        {"lock": ""},
        {"queueing_lock": "a\0"},
        {"schedule_in": -1.0},
        {"schedule_in": 1.0, "schedule_at": 1.0},
    ]

    for options in wrong:
        with pytest.raises(GraphError):
            await board.add(**options)
    for name in ("", "x" * 41, "a\0"):
        with pytest.raises(GraphError, match="name of a queue"):
            await enqueue(name, job(), connection=board.connection)
    with pytest.raises(GraphError, match="use open_queue"):
        await enqueue(board.name, job())
    with pytest.raises(PayloadError):
        await enqueue(board.queue, StimulationJob("c0", object()))


async def test_a_connection_without_an_event_loop_is_referred_to_procrastinate(board: Board, url: str) -> None:
    with psycopg.connect(url) as connection, pytest.raises(GraphError, match="configure_task"):
        await enqueue(board.name, job(), connection=connection)  # type: ignore[arg-type] # that is what is tested


async def test_what_is_wrong_with_the_database_is_told(postgres_url: str) -> None:
    async with open_queue("q", connection=postgres_url) as queue:
        with pytest.raises(StoreError, match="procrastinate schema --apply"):
            await enqueue(queue, job())
    async with open_queue("q", connection=postgres_url.replace("/postgres", "/nowhere")) as queue:
        pass
    with pytest.raises(GraphError, match="cannot be read"):
        async with open_queue("q", connection="postgresql://ann:secret@[/x") as queue:
            pass


async def test_a_server_that_is_not_there_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnstra.workers.procrastinate.queues._PATIENCE", 0.1)
    async with open_queue("q", connection={"host": "127.0.0.1", "port": 1, "user": "x"}) as queue:
        with pytest.raises(StoreError, match="could not be added"):
            await enqueue(queue, job())
    with pytest.raises(StoreError, match="could not be made"):
        await apply_schema("postgresql://x@127.0.0.1:1/x")


async def test_a_worker_on_a_database_without_the_tables_says_so_and_ends(postgres_url: str) -> None:
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, "memory://", max_active_runs=0)

    with pytest.raises(StoreError, match="procrastinate schema --apply"):
        await create_worker("q", runner, connection=postgres_url).serve()


async def test_the_tables_are_made_once(postgres_url: str) -> None:
    with new_schema(postgres_url) as schema:
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
            await connection.execute(f"CREATE SCHEMA {schema}".encode())
        address = psycopg.conninfo.make_conninfo(postgres_url, options=f"-c search_path={schema}")
        made = [await apply_schema(address), await apply_schema(address)]

    assert made == [True, False]
