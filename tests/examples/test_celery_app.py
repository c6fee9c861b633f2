"""The example of a Celery app: its worker is killed in the middle of an order, and another one goes on."""

import os
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest

from examples import celery_app as example
from tests.durable.conftest import valkey_url

__all__ = ["valkey_url"]

SCRIPT = Path(example.__file__).resolve()
Started = subprocess.Popen[str]


@pytest.fixture(params=["rabbitmq_url", "valkey_url"])
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    url = request.getfixturevalue(request.param)
    return {**os.environ, "BROKER_URL": url, "QUEUE": f"q-{uuid4().hex[:8]}", "PAUSE": "0.05"}


def start(place: Path, environment: dict[str, str], *arguments: str) -> Started:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.Popen(
        command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def steps_until(process: Started, last: str) -> list[str]:
    """Return what was done, up to *last*."""
    assert process.stdout is not None
    steps = []
    for line in process.stdout:
        _, is_step, step = line.strip().partition("order 7: ")
        if is_step:
            steps.append(step)
        if step.startswith(last):
            break
    return steps


def test_an_order_is_completed_by_the_worker_after_the_one_that_was_killed(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    placed, _ = start(tmp_path, environment, "order", "7", "7").communicate()
    with start(tmp_path, {**environment, "PAUSE": "5"}, "work", "--hostname=first") as first:
        steps_until(first, "reserve")
        first.kill()
    with start(tmp_path, environment, "work", "--hostname=second") as second:
        after = steps_until(second, "receipt sent")
        time.sleep(1)  # a task that begins at the very moment of the signal has Celery wait for half a minute
        second.terminate()
        second.communicate()

    assert placed == "placed order-7\n" * 2
    assert after == ["reserve, attempt 2", "charge, attempt 2", "ship, attempt 2", "receipt sent"]
    assert second.returncode == 0


def test_the_registry_misses_nothing_that_a_resume_needs() -> None:
    assert example.registry.check(example.cns) == []
