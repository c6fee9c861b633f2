"""Jobs that the clock adds, once each time, however many workers watch it."""

from typing import Any

import pytest

from cnstra import DurableRunner
from cnstra.errors import GraphError
from cnstra.stores import MemoryStore
from cnstra.workers import StimulationJob
from cnstra.workers.procrastinate import Schedule, create_worker
from tests.durable.graphs import line, line_that_waits, pass_on
from tests.servers.proxy import Proxy
from tests.workers.procrastinate.board import Board, until

EVERY_SECOND = "* * * * * */1"
JOB = StimulationJob("c0", {"n": 1}, metadata={"for": "test"})


async def test_a_schedule_fires_once_for_all_workers(board: Board) -> None:
    store = MemoryStore()
    found: list[Any] = []
    graphs = [line(lambda item, ctx: found.append(ctx.metadata)) for _ in range(2)]
    schedules = [Schedule("tick", EVERY_SECOND, JOB)]
    async with (
        board.worker(graphs[0], store, schedules=schedules),
        board.worker(graphs[1], store, schedules=schedules),
    ):
        await until(lambda: len(found) >= 3)
    times = [one["timestamp"] for one in found]
    runs = {run.stimulation_id for run in await store.list("")}
    fired = await board.ask("SELECT args->>'timestamp' AS at FROM procrastinate_jobs WHERE queue_name = %s", board.name)

    assert len(set(times)) == len(times)
    assert len({one["at"] for one in fired}) == len(fired)
    assert found[0] == {"schedule": "tick", "timestamp": times[0], "for": "test"}
    assert {f"{board.name}-tick-{time}" for time in times} <= runs


async def test_a_queueing_lock_leaves_out_what_would_wait_twice(board: Board, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "procrastinate.periodic")
    graph, release = line_that_waits()
    await board.add()
    async with board.worker(
        graph,
        concurrency=1,
        schedules=[Schedule("tick", EVERY_SECOND, JOB, queueing_lock=f"{board.name}-tick", priority=-1)],
    ):
        await until(lambda: caplog.text.count("cannot be enqueued") >= 2)
        waiting = await board.counts()
        release.set()

    assert waiting == {"doing": 1, "todo": 1}


async def test_a_schedule_goes_on_when_its_server_is_back(
    board: Board, network: tuple[Proxy, str], caplog: pytest.LogCaptureFixture
) -> None:
    proxy, by_proxy = network
    graph = line(pass_on)
    async with board.worker(graph, url=by_proxy, schedules=[Schedule("tick", EVERY_SECOND, JOB)]):
        await until(lambda: graph.ran)
        proxy.is_refusing = True
        proxy.cut()
        await until(lambda: "scheduled jobs cannot be added" in caplog.text)
        before = len(graph.ran)
        proxy.heal()
        await until(lambda: len(graph.ran) > before)


async def test_schedules_that_make_no_sense_are_refused() -> None:
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, "memory://")
    wrong: list[list[Schedule]] = [
        [Schedule("a", "every day", JOB)],
        [Schedule("a", "61 * * * *", JOB)],
        [Schedule("a", "0 3 * * *", JOB), Schedule("a", "0 4 * * *", JOB)],
        [Schedule("x" * 130, "0 3 * * *", JOB)],
    ]

    for schedules in wrong:
        with pytest.raises(GraphError, match="schedule"):
            create_worker("q", runner, connection="postgresql://localhost/x", schedules=schedules)
    bad: list[dict[str, Any]] = [
        {"name": ""},
        {"lock": ""},
        {"priority": 2**31},
        {"job": StimulationJob("c0", stimulation_id="x")},
    ]
    for options in bad:
        with pytest.raises(GraphError):
            Schedule(**{"name": "a", "cron": "0 3 * * *", "job": JOB, **options})
