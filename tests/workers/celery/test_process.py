"""The event loop and the runner of one process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cnstra import DurableRunner, StoreError
from cnstra.workers import Delivery, JobHandler, Retry
from cnstra.workers.celery import process
from cnstra.workers.celery.bells import Bells
from cnstra.workers.celery.process import ProcessWorker
from tests.durable.graphs import Context, Graph, Item, line, pass_on
from tests.workers.delivering import delivery


@pytest.fixture
def bells() -> Iterator[Bells]:
    bells = Bells()
    yield bells
    bells.close()


def worker_on(path: Path, graph: Graph, bells: Bells | None = None, *, grace: float = 60.0) -> ProcessWorker:
    make_runner = partial(DurableRunner, graph.cns, graph.registry, path, grace=grace)
    worker = ProcessWorker(make_runner, JobHandler, loop_watch=None, bells=bells)
    worker.start()
    return worker


class Gate:
    """A handler that waits in a thread until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()

    async def __call__(self, item: Item, ctx: Context) -> None:
        self.begun.set()
        await asyncio.to_thread(self.let_go.wait, 60)


def deliver_beside(worker: ProcessWorker, one: Delivery, outcomes: list[object]) -> threading.Thread:
    thread = threading.Thread(target=lambda: outcomes.append(worker.deliver(one)))
    thread.start()
    return thread


def gated() -> tuple[Gate, Graph]:
    gate = Gate()

    async def body(item: Item, ctx: Context) -> None:
        await gate(item, ctx)

    return gate, line(body)


def test_a_process_that_ends_after_the_bell_still_lets_handlers_settle(tmp_path: Path, bells: Bells) -> None:
    gate, graph = gated()
    outcomes: list[object] = []
    worker = worker_on(tmp_path / "runs.db", graph, bells)
    delivering = deliver_beside(worker, delivery(graph), outcomes)
    assert gate.begun.wait(60)
    bells.ring()
    ending = threading.Thread(target=worker.end)
    ending.start()
    asyncio.run_coroutine_threadsafe(worker._signals.wait(), worker._loop).result(60)
    is_hurried = worker._signals.hurry.is_set()
    gate.let_go.set()
    for thread in (delivering, ending):
        thread.join(60)

    assert not is_hurried
    assert [type(outcome).__name__ for outcome in outcomes] == ["Done"]


def test_the_second_bell_does_not_wait_for_handlers(tmp_path: Path, bells: Bells) -> None:
    gate, graph = gated()
    outcomes: list[object] = []
    worker = worker_on(tmp_path / "runs.db", graph, bells)
    delivering = deliver_beside(worker, delivery(graph), outcomes)
    assert gate.begun.wait(60)
    bells.ring()
    bells.ring()
    delivering.join(60)
    gate.let_go.set()

    assert outcomes == [Retry(0.0, "this worker stops; the run was given back")]


def test_what_is_delivered_to_a_process_that_has_ended_goes_back(tmp_path: Path) -> None:
    graph = line(pass_on)
    worker = worker_on(tmp_path / "runs.db", graph)
    worker.end()
    worker.end()

    assert worker.deliver(delivery(graph)) == Retry(0.0, "this worker stops; the run was given back")
    assert graph.ran == []


def test_a_job_goes_back_if_the_store_cannot_be_opened_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    def make_runner() -> DurableRunner:
        raise StoreError("no database")

    monkeypatch.setattr(process, "_PATIENCE", 0.1)
    worker = ProcessWorker(make_runner, JobHandler, loop_watch=None, bells=None)
    worker.start()
    outcome = worker.deliver(delivery(line(pass_on)))
    worker.end()

    assert isinstance(outcome, Retry)
    assert outcome.reason == "the runner cannot be opened: StoreError: no database"
    assert not outcome.is_failure
