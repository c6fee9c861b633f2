import json
import signal
from pathlib import Path

import pytest

from cnstra.cli.ending import Exit
from tests.cli import app
from tests.cli.calling import call, running, until_line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_runs_what_is_enqueued_until_it_is_told_to_stop(number: signal.Signals, project: Path) -> None:
    async with app.runner_of(project / "runs.db", max_active_runs=0) as producer:
        with running(project, "worker", "app:runner") as worker:
            await (await producer.enqueue(app.started.create_signal("ab"), stimulation_id="a"))
            names = [row.worker_id for row in await producer.workers()]
            worker.send_signal(number)
            out, log = worker.communicate(timeout=30)
        left = [row.worker_id for row in await producer.workers()]

    assert worker.returncode == Exit.DONE
    assert out == "first ab\nsecond abab\n"
    assert "pod-1" in names
    assert left == [producer.worker_id]
    assert "worker pod-1 is open on the SQLite store" in log
    assert "worker pod-1 has stopped" in log


async def test_a_stopping_worker_lets_active_handlers_settle_and_gives_the_rest_back(project: Path) -> None:
    async with app.runner_of(project / "runs.db", max_active_runs=0) as producer:
        await producer.enqueue(app.started.create_signal("slow"), stimulation_id="a")
        with running(project, "worker", "app:runner") as worker:
            until_line(worker, "first slow")
            worker.send_signal(signal.SIGTERM)
            code = worker.wait(timeout=30)
        info = await producer.get("a")

    assert code == Exit.DONE
    assert info is not None
    assert (info.status, info.hop_count, info.outstanding) == ("pending", 1, 1)


async def test_a_second_signal_ends_the_process_at_once(project: Path) -> None:
    async with app.runner_of(project / "runs.db", max_active_runs=0) as producer:
        await producer.enqueue(app.started.create_signal("hold"), stimulation_id="a")
        with running(project, "worker", "app:runner") as worker:
            until_line(worker, "first hold")
            worker.send_signal(signal.SIGTERM)
            assert worker.stderr is not None
            while "stops; 1 runs are under way" not in worker.stderr.readline():
                pass
            worker.send_signal(signal.SIGINT)
            code = worker.wait(timeout=30)
        with running(project, "worker", "app:runner") as heir:
            until_line(heir, "second holdhold")
            await producer.wait("a")
        info = await producer.get("a")

    assert code == -signal.SIGINT
    assert info is not None
    assert (info.status, info.attempt_number, info.recoveries) == ("completed", 2, 1)


def put_job(project: Path, name: str, word: str) -> None:
    """Hand a job to the broker of the application, which is the folder."""
    (project / f"{name}.draft").write_text(json.dumps({"collateralName": "started", "payload": word}))
    (project / f"{name}.draft").rename(project / f"{name}.job")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_on_a_broker_runs_its_jobs_until_it_is_told_to_stop(number: signal.Signals, project: Path) -> None:
    put_job(project, "a", "ab")
    with running(project, "worker", "app:on_a_broker") as worker:
        until_line(worker, "a Done")
        worker.send_signal(number)
        _, log = worker.communicate(timeout=30)

    assert worker.returncode == Exit.DONE
    assert "worker pod-2 keeps their runs in the SQLite store" in log
    assert "this worker has stopped" in log


async def test_a_worker_on_a_broker_gives_its_job_back_and_a_second_signal_cuts_short(project: Path) -> None:
    put_job(project, "a", "hold")
    with running(project, "worker", "app:on_a_broker") as worker:
        until_line(worker, "first hold")
        worker.send_signal(signal.SIGTERM)
        assert worker.stderr is not None
        while "this worker stops; 1 deliveries are in hand" not in worker.stderr.readline():
            pass
        worker.send_signal(signal.SIGTERM)
        out, _ = worker.communicate(timeout=30)
    async with app.runner_of(project / "runs.db", max_active_runs=0) as observer:
        info = await observer.get("a")

    assert worker.returncode == Exit.DONE
    assert out == "a Retry\n"
    assert info is not None
    assert (info.status, info.owner) == ("pending", None)


def test_a_worker_whose_broker_cannot_be_reached_says_so(project: Path) -> None:
    done = call(project, "worker", "app:on_a_broker_that_is_away", "--log-level", "error")

    assert done.returncode == Exit.BROKER
    assert done.stderr == "cnstra: the broker cannot be used: nobody listens\n"


def test_a_worker_whose_store_cannot_be_opened_says_so(project: Path) -> None:
    done = call(project, "worker", "app:unreachable", "--log-level", "error")

    assert done.returncode == Exit.STORE
    assert len(done.stderr.splitlines()) == 1
