"""The task of a durable app, with a worker of Celery's inside the test."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from celery.signals import worker_shutdown

from cnstra import DurableRunner, StoreError
from cnstra.workers import RetryPolicy, StimulationJob
from cnstra.workers.celery import DeadJob, enqueue, enqueue_job, make_durable
from cnstra.workers.celery.bells import Bells
from cnstra.workers.celery.hosting import Host
from tests.durable.graphs import Context, Graph, Item, line, pass_on

SOON = RetryPolicy(first_delay=0.05, max_attempts=3)


@pytest.fixture
def app(valkey_url: str) -> Iterator[Celery]:
    with Celery("tests", broker=valkey_url, backend="cache+memory://", set_as_current=False) as app:
        app.conf.update(
            task_default_queue=f"q-{uuid4().hex[:8]}",
            worker_enable_remote_control=False,
            broker_connection_retry_on_startup=True,
        )
        yield app


@pytest.fixture
def runner_of(tmp_path: Path) -> Callable[[Graph], DurableRunner]:
    return lambda graph: DurableRunner(graph.cns, graph.registry, tmp_path / "runs.db", grace=0.01)


@contextmanager
def worker(app: Celery, pool: str = "solo") -> Iterator[None]:
    with start_worker(app, pool=pool, concurrency=2, perform_ping_check=False, shutdown_timeout=60) as one:
        yield
    worker_shutdown.send(sender=one)  # as a worker does that is no test's


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Undo what Celery's worker does to the logs of its process."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    logging.captureWarnings(capture=False)


RunnerOf = Callable[[Graph], DurableRunner]


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_a_job_is_run_and_its_result_tells_the_attempt(app: Celery, runner_of: RunnerOf, pool: str) -> None:
    graph = line(pass_on, pass_on)
    make_durable(app, partial(runner_of, graph))
    with worker(app, pool):
        sent = [enqueue(app, graph.registry, graph.signal(n)) for n in range(3)]
        results = [one.get(timeout=60) for one in sent]

    assert results == [{"attempt_number": 1, "repeated": False}] * 3
    assert sorted(graph.ran) == ["n0:0", "n0:1", "n0:2", "n1:0", "n1:1", "n1:2"]


def test_a_job_that_was_done_is_not_done_again(app: Celery, runner_of: RunnerOf) -> None:
    graph = line(pass_on)
    make_durable(app, partial(runner_of, graph))
    with worker(app):
        for _ in range(2):
            enqueue(app, graph.registry, graph.signal(), stimulation_id="a").get(timeout=60)
        again = enqueue_job(app, StimulationJob("c0", {"n": 0}, stimulation_id="a"), task_id="another")

        assert again.get(timeout=60) == {"attempt_number": 1, "repeated": True}
    assert graph.ran == ["n0:0"]


def test_a_run_that_fails_is_tried_again_where_it_failed(app: Celery, runner_of: RunnerOf) -> None:
    def fail_twice(item: Item, ctx: Context) -> Item:
        if ctx.attempt_number < 3:
            raise OSError("no network")
        return item

    graph = line(pass_on, fail_twice, pass_on)
    make_durable(app, partial(runner_of, graph), policy=SOON)
    with worker(app):
        sent = enqueue(app, graph.registry, graph.signal())

        assert sent.get(timeout=60)["attempt_number"] == 3
    assert graph.ran == ["n0:0", "n1:0", "n1:0", "n1:0", "n2:0"]


def test_a_run_that_fails_for_good_is_a_dead_job_to_whoever_waits_for_it(app: Celery, runner_of: RunnerOf) -> None:
    def fail(item: Item, ctx: Context) -> Item:
        raise OSError("no network")

    graph = line(fail)
    make_durable(app, partial(runner_of, graph), policy=SOON)
    with worker(app):
        sent = enqueue(app, graph.registry, graph.signal())

        with pytest.raises(DeadJob, match="the run failed for good, at start 3: OSError: no network"):
            sent.get(timeout=60)
    assert graph.ran == ["n0:0"] * 3


def test_a_job_waits_for_a_store_that_cannot_be_opened_yet(app: Celery, runner_of: RunnerOf) -> None:
    graph = line(pass_on)
    made: list[int] = []

    def make_runner() -> DurableRunner:
        made.append(1)
        if len(made) < 3:
            raise StoreError("no database")
        return runner_of(graph)

    make_durable(app, make_runner)
    with worker(app):
        assert enqueue(app, graph.registry, graph.signal()).get(timeout=60)["attempt_number"] == 1
    assert len(made) == 3


def test_progress_is_told_with_celerys_request(app: Celery, runner_of: RunnerOf) -> None:
    told: list[tuple[str, int]] = []
    graph = line(pass_on, pass_on)
    make_durable(
        app,
        partial(runner_of, graph),
        on_progress=lambda delivery, progress: told.append((delivery.message.id, progress.hop_count)),
    )
    with worker(app):
        enqueue(app, graph.registry, graph.signal(), stimulation_id="a").get(timeout=60)

    assert told[-1] == ("a", 2)


def test_two_graphs_of_one_app_have_a_task_each(app: Celery, tmp_path: Path) -> None:
    first, second = line(pass_on), line(pass_on)
    for name, graph in (("first", first), ("second", second)):
        path = tmp_path / f"{name}.db"
        make_durable(app, partial(DurableRunner, graph.cns, graph.registry, path, grace=0.01), name=name)
    with worker(app):
        enqueue(app, first.registry, first.signal(1), task="first").get(timeout=60)
        enqueue(app, second.registry, second.signal(2), task="second").get(timeout=60)

    assert (first.ran, second.ran) == (["n0:1"], ["n0:2"])


def test_other_tasks_of_the_app_stay_as_they_are(app: Celery, runner_of: RunnerOf) -> None:
    def add_two(a: int, b: int) -> int:
        return a + b

    add: Any = app.task(add_two, name="add", shared=False)
    make_durable(app, partial(runner_of, line(pass_on)))
    with worker(app):
        assert add.delay(1, 2).get(timeout=60) == 3
    assert add.acks_late is False


def test_a_worker_of_greenlets_is_refused(app: Celery) -> None:
    def make(bells: Bells | None) -> Any:
        raise AssertionError

    host = Host(app, make)

    with pytest.raises(SystemExit, match="use --pool prefork, threads or solo"):
        host._init(sender=SimpleNamespace(app=app, pool_cls="gevent"))
