from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from kombu import Connection

from cnstra import UnknownName, collateral
from cnstra.workers import stimulation_job
from cnstra.workers.celery import enqueue, enqueue_job
from tests.durable.graphs import line, pass_on

GRAPH = line(pass_on)


@pytest.fixture
def app(rabbitmq_url: str) -> Iterator[Celery]:
    with Celery("tests", broker=rabbitmq_url, set_as_current=False) as app:
        app.conf.task_default_queue = f"q-{uuid4().hex[:8]}"
        yield app


def taken(app: Celery, queue: str | None = None) -> Any:
    """Take the message that was sent."""
    with Connection(app.conf.broker_url) as connection:
        message = connection.SimpleQueue(queue or app.conf.task_default_queue).get(timeout=60)
        message.ack()
        return message


def test_a_message_has_the_job_as_text_under_the_id_of_its_run(app: Celery) -> None:
    sent = enqueue(app, GRAPH.registry, GRAPH.signal(7), stimulation_id="import-7", metadata={"by": "me"})
    message = taken(app)

    assert sent.id == message.headers["id"] == "import-7"
    assert message.headers["task"] == "cns-stimulation"
    assert message.payload[0] == [
        '{"collateralName":"c0","payload":{"n":7},"metadata":{"by":"me"},"stimulationId":"import-7","formatVersion":"1.0"}'
    ]


def test_a_job_without_an_id_is_given_one(app: Celery) -> None:
    first, second = (enqueue(app, GRAPH.registry, GRAPH.signal()) for _ in range(2))

    assert first.id != second.id
    assert taken(app).headers["id"] == first.id


def test_what_is_logged_of_a_job_is_the_name_of_its_collateral(app: Celery) -> None:
    enqueue(app, GRAPH.registry, GRAPH.signal())

    assert taken(app).headers["argsrepr"] == "('c0',)"


def test_options_reach_the_message(app: Celery) -> None:
    queue = f"{app.conf.task_default_queue}.other"
    job = stimulation_job(GRAPH.registry, GRAPH.signal())
    enqueue_job(app, job, task="imports", queue=queue, countdown=60.0, priority=3, link=None)
    message = taken(app, queue)

    assert message.headers["task"] == "imports"
    assert message.headers["eta"] is not None
    assert message.properties["priority"] == 3


def test_a_signal_that_no_worker_could_know_is_refused(app: Celery) -> None:
    with pytest.raises(UnknownName):
        enqueue(app, GRAPH.registry, collateral(int, name="stray").create_signal(1))
