"""Workers as processes: they are asked to stop, told to hurry, and killed."""

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cnstra.persist.records import AttemptRecord, RunRecord
from cnstra.stores import SqliteStore
from cnstra.workers import stimulation_job
from tests.durable.graphs import line, pass_on
from tests.workers.working import NEURONS

ROOT = Path(__file__).parents[2]
LEASE = 1.5


class Crew:
    """Worker processes on one folder; whoever is left is killed in the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "dead").mkdir(parents=True)
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, **options: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.workers.working", str(self.folder), json.dumps(options)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._processes.append(process)
        return process

    def put(self, *numbers: int) -> None:
        graph = line(pass_on)
        for number in numbers:
            job = stimulation_job(graph.registry, graph.signal(number))
            (self.folder / f"{number}.draft").write_text(job.to_json())
            (self.folder / f"{number}.draft").rename(self.folder / f"{number}.job")

    def hold(self, what: str) -> None:
        (self.folder / "hold").write_text(what)

    def log(self) -> list[str]:
        return (self.folder / "log").read_text().splitlines()

    def wait_for_starts(self, number: int) -> None:
        """Wait until so many more handlers have started, or all is done."""
        file = self.folder / "log"
        before = len(self.log()) if file.exists() else 0
        while list(self.folder.glob("*.job")) and (not file.exists() or len(self.log()) < before + number):
            time.sleep(0.01)

    def wait_until_done(self) -> None:
        while list(self.folder.glob("*.job")):
            time.sleep(0.01)

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    crew = Crew(tmp_path / "spool")
    yield crew
    crew.end()


def reached(process: subprocess.Popen[str]) -> None:
    """Wait until a handler hangs."""
    assert process.stdout is not None
    assert process.stdout.readline() == "reached\n"


def stops(process: subprocess.Popen[str]) -> None:
    """Wait until a worker has heard that it is to stop."""
    assert process.stderr is not None
    while "this worker stops" not in process.stderr.readline():
        pass


def stored(folder: Path) -> tuple[Mapping[str, RunRecord], Mapping[str, list[AttemptRecord]]]:
    """Return all runs and their attempts."""

    async def look() -> tuple[Mapping[str, RunRecord], Mapping[str, list[AttemptRecord]]]:
        store = SqliteStore(folder / "runs.db")
        await store.open()
        runs = {run.stimulation_id: run for run in await store.list("", limit=1000)}
        attempts = {run_id: await store.attempts("", run_id) for run_id in runs}
        await store.close()
        return runs, attempts

    return asyncio.run(look())


@pytest.mark.parametrize("most", [0, 1000], ids=["by the broker alone", "by the store, too"])
def test_a_job_whose_workers_are_killed_three_times_goes_on(crew: Crew, most: int) -> None:
    crew.put(1)
    for held in ("1 n1", "1 n2", "1 n2"):
        crew.hold(held)
        victim = crew.start(max_active_runs=most)
        reached(victim)
        victim.kill()
        victim.wait()
    crew.hold("")
    last = crew.start(max_active_runs=most)
    crew.wait_until_done()
    last.terminate()
    _, attempts = stored(crew.folder)

    assert [(one.attempt_number, one.status) for one in attempts["1"]] == [
        (1, "lost"),
        (2, "lost"),
        (3, "lost"),
        (4, "completed"),
    ]
    assert crew.log() == ["1 n0 1", "1 n1 1", "1 n1 2", "1 n2 2", "1 n2 3", "1 n2 4", "1 n3 4"]


def test_sigterm_gives_the_job_back_and_ends_with_status_0(crew: Crew) -> None:
    crew.put(1)
    crew.hold("1 n2")
    first = crew.start(grace=0.05)
    reached(first)
    first.terminate()
    _, errors = first.communicate()
    runs, _ = stored(crew.folder)
    crew.hold("")
    second = crew.start()
    crew.wait_until_done()
    second.terminate()
    _, attempts = stored(crew.folder)

    assert (first.returncode, runs["1"].status, runs["1"].owner) == (0, "pending", None), errors
    assert [one.status for one in attempts["1"]] == ["interrupted", "completed"]
    assert crew.log() == ["1 n0 1", "1 n1 1", "1 n2 1", "1 n2 2", "1 n3 2"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_does_not_wait_for_handlers_and_loses_nothing(crew: Crew, number: signal.Signals) -> None:
    crew.put(1)
    crew.hold("1 n1")
    process = crew.start(grace=1000.0)
    reached(process)
    process.send_signal(number)
    stops(process)
    process.send_signal(number)
    _, errors = process.communicate()
    runs, attempts = stored(crew.folder)

    assert process.returncode == 0, errors
    assert (runs["1"].status, runs["1"].hop_count) == ("pending", 1)
    assert [one.status for one in attempts["1"]] == ["interrupted"]
    assert (crew.folder / "1.job").exists()


def test_a_worker_that_stood_still_past_its_lease_changes_nothing(crew: Crew) -> None:
    crew.put(1)
    crew.hold("1 n1")
    zombie = crew.start(lease=LEASE)
    reached(zombie)
    zombie.send_signal(signal.SIGSTOP)
    crew.hold("")
    other = crew.start(lease=LEASE)
    while stored(crew.folder)[0]["1"].status != "completed":
        time.sleep(0.05)
    zombie.send_signal(signal.SIGCONT)
    crew.wait_until_done()
    zombie.terminate()
    other.terminate()
    runs, attempts = stored(crew.folder)

    assert [one.status for one in attempts["1"]] == ["lost", "completed"]
    assert runs["1"].hop_count == NEURONS
    assert crew.log() == ["1 n0 1", "1 n1 1", "1 n1 2", "1 n2 2", "1 n3 2"]


def test_a_handler_that_blocks_the_event_loop_keeps_its_run_and_is_named(crew: Crew) -> None:
    crew.put(1)
    crew.hold("1 n1 blocking")
    blocked = crew.start(lease=LEASE)
    reached(blocked)
    other = crew.start(lease=LEASE)
    time.sleep(3 * LEASE)
    crew.hold("")
    crew.wait_until_done()
    blocked.terminate()
    other.terminate()
    _, errors = blocked.communicate()
    _, attempts = stored(crew.folder)

    assert [one.status for one in attempts["1"]] == ["completed"]
    assert "neuron n1 on c1 blocks the event loop" in errors
    assert 'working.py", line' in errors


def test_a_third_signal_ends_the_process(crew: Crew) -> None:
    crew.put(1)
    crew.hold("1 n1 blocking")
    process = crew.start(grace=1000.0)
    reached(process)
    while process.poll() is None:
        process.terminate()
        time.sleep(0.02)

    assert process.returncode == -signal.SIGTERM
    assert (crew.folder / "1.job").exists()


def test_an_idle_worker_ends_at_once(crew: Crew) -> None:
    crew.put(1)
    process = crew.start()
    crew.wait_until_done()
    process.terminate()
    process.communicate()

    assert process.returncode == 0


def test_many_jobs_survive_workers_that_are_killed_at_random(crew: Crew) -> None:
    dice = random.Random(7)
    numbers = range(200)
    crew.put(*numbers)
    workers = [crew.start() for _ in range(3)]
    kills = 0
    while list(crew.folder.glob("*.job")):
        crew.wait_for_starts(dice.randint(5, 150))
        victim = workers.pop(dice.randrange(3))
        victim.kill()
        victim.wait()
        workers.append(crew.start())
        kills += 1
    runs, attempts = stored(crew.folder)
    starts = Counter(tuple(entry.split()[:2]) for entry in crew.log())
    lost = sum(one.status == "lost" for several in attempts.values() for one in several)

    assert kills >= 2
    assert lost > 0
    assert {run.status for run in runs.values()} == {"completed"}
    assert {run.hop_count for run in runs.values()} == {NEURONS}
    assert set(starts) == {(str(number), f"n{i}") for number in numbers for i in range(NEURONS)}
    assert sum(starts.values()) - len(starts) <= lost
    assert list((crew.folder / "dead").iterdir()) == []
