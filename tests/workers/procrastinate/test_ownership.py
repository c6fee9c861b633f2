"""Whose a job is: dead workers, forgotten ones, jobs that get lost on their way, and servers that are away."""

import asyncio
from typing import Any

import psycopg
import pytest

from cnstra.stores import MemoryStore
from tests.durable.graphs import Context, Graph, Item, line, line_that_waits, pass_on
from tests.servers.proxy import Proxy
from tests.workers.procrastinate.board import NEVER, Board, until

QUICK: dict[str, Any] = {"heartbeat_timeout": 0.4, "poll_interval": 0.1}
SLOW: dict[str, Any] = {"heartbeat_timeout": NEVER}
"""Options of workers that do not see by themselves that another one is dead."""
LIVING = "SELECT id FROM procrastinate_workers WHERE last_heartbeat > now() - interval '30 min'"

WAITING = """
    SELECT pid FROM pg_stat_activity
     WHERE application_name = 'cnstra' AND wait_event_type = 'Lock' AND query LIKE '%%procrastinate_fetch_job%%'
"""


def line_held() -> tuple[Graph, asyncio.Event]:
    """Return a graph whose second handler waits for an event, and the event."""
    release = asyncio.Event()

    async def hold(item: Item, ctx: Context) -> Item:
        await release.wait()
        return item

    return line(pass_on, hold, pass_on), release


async def dead_worker(board: Board) -> int:
    """Return the number of a worker that has died an hour ago."""
    (row,) = await board.ask("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
    await board.die(row["id"])
    return int(row["id"])


async def give(board: Board, worker: int | None, run_id: str = "a") -> None:
    """Have a worker have a job."""
    await board.ask(
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE id = %s",
        worker,
        await board.number(run_id),
    )


async def only_worker(board: Board) -> int:
    """Return the number of the one worker that lives, as soon as it has one."""
    await until(lambda: board.ask(LIVING))
    (found,) = await board.ask(LIVING)
    return int(found["id"])


# ---- dead workers --------------------------------------------------------------------------------------------------


async def test_the_job_of_a_dead_worker_goes_to_another(board: Board) -> None:
    graph = line(pass_on)
    await board.add()
    await give(board, await dead_worker(board))
    async with board.worker(graph, **QUICK):
        await board.until("succeeded")

    assert graph.ran == ["n0:1"]
    assert (await board.job())["attempts"] == 2
    assert await board.events() == ["deferred", "started", "deferred_for_retry", "started", "succeeded"]


async def test_the_job_of_a_worker_that_was_forgotten_goes_to_another(board: Board) -> None:
    graph = line(pass_on)
    await board.add()
    await give(board, None)
    async with board.worker(graph, **QUICK):
        await board.until("succeeded")

    assert graph.ran == ["n0:1"]


async def test_jobs_of_dead_workers_that_are_none_of_ours_are_left_alone(board: Board) -> None:
    dead = await dead_worker(board)
    foreign = await board.add_raw({"to": "ann"}, "send_mail")
    await board.ask("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE id = %s", dead, foreign)
    await board.add()
    await give(board, dead)
    async with board.worker(line(pass_on), **QUICK):
        await board.until("succeeded")

    assert (await board.job(foreign))["status"] == "doing"


async def test_a_job_of_a_dead_worker_that_somebody_wants_aborted_is_aborted(board: Board) -> None:
    graph = line(pass_on)
    await board.add()
    await give(board, await dead_worker(board))
    await board.ask("UPDATE procrastinate_jobs SET abort_requested = true WHERE queue_name = %s", board.name)
    async with board.worker(graph, **QUICK):
        await board.until("aborted")

    assert graph.ran == []


async def test_two_jobs_of_dead_workers_with_one_queueing_lock_both_run(board: Board) -> None:
    graph = line(pass_on)
    dead = await dead_worker(board)
    for number in (1, 2):
        await board.add(number, f"job-{number}", queueing_lock=f"{board.name}-x")
        await give(board, dead, f"job-{number}")
    async with board.worker(graph, **QUICK):
        await board.until("succeeded", "job-1", "job-2")

    assert sorted(graph.ran) == ["n0:1", "n0:2"]


async def test_a_worker_that_was_taken_for_dead_comes_back_under_another_number(
    board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    graph = line(pass_on)
    async with board.worker(graph, **QUICK):
        number = await only_worker(board)
        await board.ask("DELETE FROM procrastinate_workers WHERE id = %s", number)
        await until(lambda: "taken for dead" in caplog.text)
        await board.add()
        await board.until("succeeded")
        other = await only_worker(board)

    assert other != number


async def test_what_others_say_on_the_channel_of_a_queue_is_passed_over(board: Board) -> None:
    async with board.worker(line(pass_on)):
        await only_worker(board)
        for nonsense in ("", "nonsense", "[]", '{"type": "job_inserted"}', '{"type": 7, "job_id": "x"}'):
            await board.ask("SELECT pg_notify(%s, %s)", board.channel, nonsense)
        await board.add()
        await board.until("succeeded")


async def test_a_worker_takes_leave_when_it_stops(board: Board) -> None:
    async with board.worker(line(pass_on)):
        await only_worker(board)

    assert await board.ask(LIVING) == []


# ---- one owner -----------------------------------------------------------------------------------------------------


async def test_a_job_that_two_workers_have_at_once_has_one_effective_owner(
    board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    (first, release), second = line_held(), line(pass_on, pass_on, pass_on)
    async with board.worker(first, store, concurrency=1, **SLOW):
        await board.add()
        await until(lambda: first.ran == ["n0:1", "n1:1"])
        async with board.worker(second, store, **SLOW):
            await board.deliver_again()
            await until(lambda: has_gone_back(board))
            release.set()
            await board.until("succeeded")
    (run,) = await store.list("")

    assert (first.ran, second.ran) == (["n0:1", "n1:1", "n2:1"], [])
    assert (run.status, run.attempt_number) == ("completed", 1)
    assert "was not this worker's any more" in caplog.text


async def has_gone_back(board: Board) -> bool:
    """Whether the second worker was told that the first one has the run."""
    return (await board.events()).count("deferred_for_retry") >= 2


async def test_what_a_worker_says_of_a_job_that_it_has_lost_changes_nothing(
    board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    graph, release = line_that_waits()
    async with board.worker(graph, **SLOW):
        await board.add()
        await until(lambda: graph.ran)
        thief = await dead_worker(board)
        await give(board, thief)
        release.set()
        await until(lambda: "was not this worker's any more" in caplog.text)
        job = await board.job()

    assert (job["status"], job["worker_id"], job["attempts"]) == ("doing", thief, 0)


async def test_a_job_that_never_got_to_its_worker_is_delivered_again(board: Board) -> None:
    graph = line(pass_on)
    await board.add(schedule_in=NEVER)
    async with board.worker(graph, **QUICK):
        worker = await only_worker(board)
        await board.ask("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE queue_name = %s", board.name)
        await give(board, worker)
        await board.until("succeeded")

    assert graph.ran == ["n0:1"]


# ---- a server that is away -----------------------------------------------------------------------------------------


async def test_an_answer_waits_until_the_server_is_back(
    board: Board, network: tuple[Proxy, str], caplog: pytest.LogCaptureFixture
) -> None:
    proxy, by_proxy = network
    graph, release = line_that_waits()
    async with board.worker(graph, url=by_proxy):
        await board.add()
        await until(lambda: graph.ran)
        proxy.is_refusing = True
        proxy.cut()
        release.set()
        await until(lambda: "is tried again" in caplog.text)
        proxy.heal()
        await board.until("succeeded")

    assert graph.ran == ["n0:1"]


async def test_a_worker_that_starts_before_its_server_waits_for_it(
    board: Board, network: tuple[Proxy, str], caplog: pytest.LogCaptureFixture
) -> None:
    proxy, by_proxy = network
    proxy.is_refusing = True
    await board.add()
    async with board.worker(line(pass_on), url=by_proxy):
        await until(lambda: "signs of life" in caplog.text)
        proxy.heal()
        await board.until("succeeded")


async def test_a_job_whose_delivery_is_lost_on_the_network_is_delivered_again(
    board: Board, network: tuple[Proxy, str], caplog: pytest.LogCaptureFixture
) -> None:
    proxy, by_proxy = network
    graph = line(pass_on)
    async with board.worker(graph, url=by_proxy, poll_interval=0.05):
        async with await psycopg.AsyncConnection.connect(board.url) as shop:
            await shop.execute("LOCK TABLE procrastinate_jobs IN SHARE MODE")
            await board.add(connection=shop)
            await until(lambda: board.ask(WAITING))
            proxy.is_refusing = True
            proxy.cut()  # what the worker has asked for is still done, and the answer goes nowhere
        await board.until("doing")
        proxy.heal()
        await board.until("succeeded")

    assert "was lost on its way here" in caplog.text
    assert graph.ran == ["n0:1"]


async def test_a_worker_that_stops_while_its_server_is_away_ends_and_its_job_goes_to_another(
    board: Board, network: tuple[Proxy, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("keeper", "source"):
        monkeypatch.setattr(f"cnstra.workers.procrastinate.{module}._LAST_PATIENCE", 0.1)
    proxy, by_proxy = network
    store = MemoryStore()
    graph, release = line_held()
    async with board.worker(graph, store, url=by_proxy, **QUICK):
        await board.add()
        await until(lambda: graph.ran == ["n0:1", "n1:1"])
        proxy.is_refusing = True
        proxy.cut()
    release.set()
    other = line(pass_on, pass_on, pass_on)
    async with board.worker(other, store, **QUICK):
        await board.until("succeeded")

    assert other.ran == ["n1:1", "n2:1"]


async def test_connections_that_the_server_ends_are_made_anew(board: Board) -> None:
    graph = line(pass_on)
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cnstra' AND pid <> %s"
    async with board.worker(graph, **QUICK):
        for number in range(5):
            await board.add(number, f"job-{number}")
            await board.ask(end, board.connection.info.backend_pid)
            await board.until("succeeded", f"job-{number}")

    assert set(graph.ran) == {f"n0:{number}" for number in range(5)}
