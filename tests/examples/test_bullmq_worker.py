"""The example of a worker on BullMQ: its worker is killed in the middle, and another one goes on."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples import bullmq_worker as example
from tests.servers.redis import redis_server

SCRIPT = Path(example.__file__).resolve()
Started = subprocess.Popen[str]


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    with redis_server() as server:
        yield {**os.environ, "REDIS_URL": server.url, "LOCK": "0.5", "PAUSE": "0.05"}


def start(place: Path, environment: dict[str, str], *arguments: str) -> Started:
    return subprocess.Popen(
        [sys.executable, SCRIPT, *arguments], cwd=place, env=environment, stdout=subprocess.PIPE, text=True
    )


def lines_until(process: Started, last: str) -> list[str]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if line.startswith(last):
            break
    return lines


@pytest.mark.parametrize("options", [(), ("--no-store",)], ids=["a store", "the job's own progress"])
def test_a_deck_is_completed_by_the_worker_after_the_one_that_was_killed(
    tmp_path: Path, environment: dict[str, str], options: tuple[str, ...]
) -> None:
    added, _ = start(tmp_path, environment, "add", "france", "france").communicate()
    with start(tmp_path, {**environment, "PAUSE": "0.3"}, "work", *options) as first:
        before = lines_until(first, "france: card 2")
        first.kill()
    with start(tmp_path, environment, "work", *options) as second:
        after = lines_until(second, "france: complete")
        second.terminate()

    assert added == "added import-france\n" * 2
    assert before == ["france: open", "france: card 1, attempt 1", "france: card 2, attempt 1"]
    assert after == ["france: card 2, attempt 2", "france: card 3, attempt 2", "france: complete"]
    assert second.returncode == 0


def test_the_registry_misses_nothing_that_a_resume_needs() -> None:
    assert example.registry.check(example.cns) == []
