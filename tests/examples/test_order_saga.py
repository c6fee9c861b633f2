"""The order saga on Procrastinate: its worker is killed in the middle, and every order ends as it should."""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import psycopg
import pytest

from examples import order_saga as example
from tests.servers.postgres import postgres_server

SCRIPT = Path(example.__file__).resolve()
Started = subprocess.Popen[str]


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with postgres_server() as server:
        monkeypatch.setattr(example, "DATABASE_URL", server.url)
        yield server.url


def work(url: str, *, pause: float) -> Started:
    """Start a worker."""
    settings = {"DATABASE_URL": url, "HEARTBEAT": "0.8", "PAUSE": str(pause)}
    return subprocess.Popen([sys.executable, SCRIPT, "work"], env={**os.environ, **settings}, stdout=-1, text=True)


def lines_until(process: Started, last: set[str]) -> list[str]:
    """Return what a worker prints until lines have come that begin like all of *last*."""
    assert process.stdout is not None
    lines: list[str] = []
    while last and (line := process.stdout.readline()):
        lines.append(line.strip())
        last = {one for one in last if not line.startswith(one)}
    return lines


def rest_of(process: Started) -> list[str]:
    assert process.stdout is not None
    return process.stdout.read().splitlines()


def steps_of(order: str, lines: list[str]) -> list[str]:
    """Return the steps of an order; one that ran again when it was interrupted counts once."""
    steps = [line.split(",")[0].split(": ")[1] for line in lines if line.startswith(f"{order}: ")]
    return [step for step, _ in groupby(steps)]


async def test_a_saga_goes_on_or_back_whatever_happens_to_its_workers(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await example.setup()
    tea, piano, ruby = [await example.place(item) for item in ("tea", "piano", "ruby")]
    with work(url, pause=0.3) as first:
        lines = lines_until(first, {f"{order}: charge" for order in (tea, piano, ruby)})
        first.kill()
        lines += rest_of(first)
    with work(url, pause=0.01) as second:
        lines += lines_until(second, {f"{tea}: close", f"{piano}: cancel", f"{ruby}: cancel"})
        second.terminate()
    await example.show()

    assert second.returncode == 0
    assert steps_of(tea, lines) == ["reserve", "charge", "ship", "close"]
    assert steps_of(piano, lines) == ["reserve", "charge", "ship", "refund", "release", "cancel"]
    assert steps_of(ruby, lines) == ["reserve", "charge", "release", "cancel"]
    assert capsys.readouterr().out.splitlines() == [
        "orders order-1-tea tea shipped",
        "orders order-2-piano piano cancelled",
        "orders order-3-ruby ruby cancelled",
        "stock piano 90000 1",
        "stock ruby 7000000 1",
        "stock tea 500 2",
        "payments order-1-tea 500",
        "payments order-2-piano -90000",
        "payments order-2-piano 90000",
    ]


async def test_an_order_that_cannot_be_written_has_no_job_either(url: str) -> None:
    await example.setup()
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        await example.place("nonsense")
    async with await psycopg.AsyncConnection.connect(url) as connection:
        jobs = await (await connection.execute("SELECT * FROM procrastinate_jobs")).fetchall()

    assert jobs == []


async def test_the_registry_misses_nothing_that_a_resume_needs() -> None:
    assert example.registry.check(example.cns) == []
