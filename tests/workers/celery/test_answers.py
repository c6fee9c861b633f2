from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import Reject

from cnstra.workers import Dead, Retry
from cnstra.workers.celery import answers
from cnstra.workers.celery.answers import Answers
from tests.servers.processes import free_port


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a task that runs, of an app whose broker is out of reach."""
    monkeypatch.setattr(answers, "_PAUSE", 0.0)
    with Celery("tests", broker=f"amqp://127.0.0.1:{free_port()}", set_as_current=False) as app:
        app.conf.task_publish_retry = False

        def run(task: object, job: str) -> None: ...

        task: Any = app.task(run, name="running", shared=False, bind=True)
        task.push_request(
            id="a", args=["{}"], called_directly=False, delivery_info={"routing_key": "q", "exchange": ""}
        )
        yield task
        task.pop_request()


def test_a_job_that_cannot_be_sent_on_goes_back(task: Any) -> None:
    with pytest.raises(Reject) as raised:
        Answers(None).give(task, Retry(3.0, "later"))

    assert raised.value.requeue
    assert "could not be sent on" in str(raised.value.reason)


def test_a_dead_job_that_cannot_be_sent_to_the_dead_letters_goes_back(task: Any) -> None:
    with pytest.raises(Reject) as raised:
        Answers("dead").give(task, Dead("no use"))

    assert raised.value.requeue


def test_a_run_that_was_given_back_is_requeued_at_once(task: Any) -> None:
    with pytest.raises(Reject) as raised:
        Answers(None).give(task, Retry(0.0, "this worker stops"))

    assert (raised.value.reason, raised.value.requeue) == ("this worker stops", True)


def test_a_missing_client_is_told_of_with_the_way_to_install_it() -> None:
    code = "import sys; sys.modules['celery'] = None; import cnstra.workers.celery"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "ImportError: workers on Celery need it: pip install 'cnstra[celery]'" in done.stderr
