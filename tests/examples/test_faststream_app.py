"""The example of an application on FastStream: it is killed in the middle of an order, and another process goes on."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples import faststream_app as example
from tests.servers.nats import nats_server
from tests.servers.rabbitmq import rabbitmq_server

SCRIPT = Path(example.__file__).resolve()
Started = subprocess.Popen[str]


@pytest.fixture(params=["nats", "rabbitmq"])
def environment(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    options = {**os.environ, "ACK_WAIT": "0.5", "PAUSE": "0.05"}
    if request.param == "nats":
        with nats_server() as nats:
            yield {**options, "BROKER_URL": nats.url}
    else:
        with rabbitmq_server() as rabbitmq:
            yield {**options, "BROKER_URL": rabbitmq.url}


def start(place: Path, environment: dict[str, str], *arguments: str) -> Started:
    return subprocess.Popen(
        [sys.executable, SCRIPT, *arguments], cwd=place, env=environment, stdout=subprocess.PIPE, text=True
    )


def lines_until(process: Started, *wanted: str) -> list[str]:
    """Return what a process prints until it has printed all that is wanted."""
    assert process.stdout is not None
    lines: list[str] = []
    while not all(any(text in line for line in lines) for text in wanted):
        lines.append(process.stdout.readline().strip())
        assert lines[-1], lines
    return lines


def of_order(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("1001")]  # the rest is what FastStream tells


def test_an_order_is_completed_by_the_process_after_the_one_that_was_killed(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    ordered = start(tmp_path, environment, "order", "1001", "1001").communicate()[0]
    with start(tmp_path, {**environment, "PAUSE": "0.3"}, "run") as first:
        before = lines_until(first, "1001: packed")
        first.kill()
    with start(tmp_path, environment, "work") as second:
        after = lines_until(second, "1001: sent")
        second.terminate()

    assert ordered == "ordered order-1001\n" * 2
    assert of_order(before) == ["1001: charged, attempt 1", "1001: packed, attempt 1"]
    assert of_order(after) == ["1001: packed, attempt 2", "1001: sent, attempt 2"]
    assert second.returncode == 0


def test_the_application_greets_as_before_and_ends_in_good_order(tmp_path: Path, environment: dict[str, str]) -> None:
    with start(tmp_path, environment, "run") as app:
        lines_until(app, "the application is up")
        start(tmp_path, environment, "order", "1001").communicate()
        lines = lines_until(app, "hello everybody", "1001: sent")
        app.terminate()

    assert "1001: sent, attempt 1" in lines
    assert app.returncode == 0


def test_the_registry_misses_nothing_that_a_resume_needs() -> None:
    assert example.registry.check(example.cns) == []
