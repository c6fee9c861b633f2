import asyncio
from collections import deque

import pytest

from cnstra import DurableRunner, GraphError
from cnstra.workers import Delivery, Done, JobHandler, Outcome, PolledSource, Retry
from cnstra.workers import polling as polling_module
from tests.durable.graphs import Context, Item, line, line_that_waits, pass_on
from tests.durable.waiting import until
from tests.workers.delivering import delivery, worker


class Box:
    """A broker in memory that can be broken."""

    def __init__(self, *deliveries: Delivery) -> None:
        self.waiting = deque(deliveries)
        self.answered: dict[str | None, Outcome] = {}
        self.broken = 0

    async def take(self) -> Delivery | None:
        if self.broken:
            self.broken -= 1
            raise OSError("no broker")
        return self.waiting.popleft() if self.waiting else None

    async def answer(self, one: Delivery, outcome: Outcome) -> None:
        if self.broken:
            self.broken -= 1
            raise OSError("no broker")
        self.answered[one.job_id] = outcome

    def source(self, handler: JobHandler, at_once: int = 10) -> PolledSource:
        return PolledSource(handler, self.take, self.answer, at_once=at_once, idle=0.001)


async def until_answered(source: PolledSource, box: Box, number: int) -> None:
    """Let a source run until so many deliveries are answered."""
    running = asyncio.create_task(source.run())
    await until(lambda: len(box.answered) == number)
    await source.stop()
    await running
    await source.close()


async def test_each_delivery_is_answered() -> None:
    graph = line(pass_on)
    box = Box(*(delivery(graph, n, str(n)) for n in range(30)))

    async with worker(graph, DurableRunner(graph.cns, graph.registry, "memory://").store) as (handler, _):
        await until_answered(box.source(handler), box, 30)

    assert box.answered == {str(n): Done(1) for n in range(30)}


async def test_no_more_is_taken_than_there_is_room_for() -> None:
    active: list[int] = []
    most = 0

    async def work(item: Item, ctx: Context) -> None:
        nonlocal most
        active.append(item.n)
        most = max(most, len(active))
        await asyncio.sleep(0.002)
        active.remove(item.n)

    graph = line(work)
    box = Box(*(delivery(graph, n, str(n)) for n in range(12)))
    handler = JobHandler(cns=graph.cns, registry=graph.registry)

    await until_answered(box.source(handler, at_once=3), box, 12)

    assert most == 3


async def test_what_comes_after_a_pause_is_taken_too() -> None:
    graph = line(pass_on)
    box = Box()
    handler = JobHandler(cns=graph.cns, registry=graph.registry)
    source = box.source(handler)

    running = asyncio.create_task(source.run())
    await asyncio.sleep(0.01)
    box.waiting.append(delivery(graph))
    await until(lambda: bool(box.answered))
    await source.stop()
    await running

    assert box.answered == {"a": Done(1)}


async def test_a_source_that_is_stopped_waits_for_what_is_in_hand() -> None:
    graph, release = line_that_waits()
    box = Box(delivery(graph))
    handler = JobHandler(cns=graph.cns, registry=graph.registry)
    source = box.source(handler)

    running = asyncio.create_task(source.run())
    await until(lambda: handler.in_hand == 1)
    box.waiting.append(delivery(graph, job_id="b"))
    await source.stop()
    await running
    closing = asyncio.create_task(source.close())
    await asyncio.sleep(0.01)
    early = closing.done()
    release.set()
    await closing

    assert not early
    assert box.answered == {"a": Done(1)}


async def test_a_broker_that_is_away_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(polling_module, "_FIRST_PAUSE", 0.001)
    graph = line(pass_on)
    box = Box(delivery(graph))
    box.broken = 3
    handler = JobHandler(cns=graph.cns, registry=graph.registry)

    await until_answered(box.source(handler), box, 1)

    assert caplog.text.count("the broker could not be asked for a job") == 3


async def test_an_answer_that_fails_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    graph, release = line_that_waits()
    box = Box(delivery(graph), delivery(graph, job_id="b"))
    handler = JobHandler(cns=graph.cns, registry=graph.registry)
    source = box.source(handler, at_once=1)

    running = asyncio.create_task(source.run())
    await until(lambda: handler.in_hand == 1)
    box.broken = 1
    release.set()
    await until(lambda: "b" in box.answered)
    await source.stop()
    await running

    assert box.answered == {"b": Done(1)}
    assert "job a could not be answered; the broker will deliver it again" in caplog.text


async def test_a_delivery_that_could_not_be_handled_goes_back_to_the_broker(caplog: pytest.LogCaptureFixture) -> None:
    graph = line(pass_on)
    box = Box(delivery(graph))
    runner = DurableRunner(graph.cns, graph.registry, "memory://")  # not open

    await until_answered(box.source(JobHandler(runner)), box, 1)

    assert isinstance(box.answered["a"], Retry)
    assert "job a could not be handled" in caplog.text


async def test_a_source_whose_asking_is_cancelled_from_outside_ends() -> None:
    graph = line(pass_on)
    source = Box().source(JobHandler(cns=graph.cns, registry=graph.registry))

    running = asyncio.create_task(source.run())
    await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])

    assert running.cancelled()


def test_there_is_room_for_one_at_least() -> None:
    graph = line(pass_on)

    with pytest.raises(GraphError, match="at_once"):
        Box().source(JobHandler(cns=graph.cns, registry=graph.registry), at_once=0)
