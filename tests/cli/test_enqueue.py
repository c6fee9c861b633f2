import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis

from cnstra.cli.ending import Exit
from tests.cli import app
from tests.cli.calling import call, running, until_line
from tests.servers.redis import redis_url

EXAMPLES = Path(__file__).parents[2] / "examples"
NOWHERE = "bullmq+redis://127.0.0.1:1/0?queue=q"
"""Where a job would go if it were sent."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_url() as url:
        yield url


def test_a_job_goes_to_a_queue_of_bullmq(project: Path, url: str) -> None:
    broker = f"bullmq+{url}?queue=imports"

    done = call(project, "enqueue", "app:registry", "started", '"ab"', "--broker", broker, "--id", "one", "--json")
    with Redis.from_url(url, decode_responses=True) as client:
        job = client.hgetall("bull:imports:one")
        client.delete(*client.scan_iter("bull:imports:*"))

    assert done.returncode == Exit.DONE, done.stderr
    assert json.loads(done.stdout) == {"id": "one", "collateral": "started", "broker": "bullmq", "queue": "imports"}
    assert json.loads(job["data"])["payload"] == "ab"


def test_delay_priority_and_queue_are_those_of_the_call(project: Path, url: str) -> None:
    broker = f"bullmq+{url}?queue=imports&prefix=mine"

    options = ("--broker", broker, "--queue", "other", "--id", "late", "--delay", "60", "--priority", "7")
    done = call(project, "enqueue", "app:runner", "started", '"ab"', *options)
    with Redis.from_url(url, decode_responses=True) as client:
        job = client.hgetall("mine:other:late")
        client.delete(*client.scan_iter("mine:other:*"))

    assert done.stdout == "job late is in queue other of bullmq\n"
    assert (job["delay"], job["priority"]) == ("60000", "7")
    assert not (project / "runs.db").exists()


async def test_a_run_goes_to_the_store_of_the_runner(project: Path) -> None:
    done = call(
        project, "enqueue", "app:runner", "started", '"ab"', "--id", "a", "--priority", "3", "--key", "bank", "--json"
    )
    async with app.runner_of(project / "runs.db", max_active_runs=0) as observer:
        info = await observer.get("a")

    assert done.returncode == Exit.DONE, done.stderr
    assert json.loads(done.stdout)["id"] == "a"
    assert "SQLite" in json.loads(done.stdout)["store"]
    assert info is not None
    assert (info.status, info.entry[0].payload, info.key) == ("pending", "ab", "bank")


async def test_a_run_goes_to_another_store(project: Path) -> None:
    done = call(project, "enqueue", "app:runner", "started", '"ab"', "--id", "a", "--store", "sqlite:///other.db")
    async with app.runner_of(project / "other.db", max_active_runs=0) as observer:
        info = await observer.get("a")

    assert done.stdout.startswith("run a waits in the SQLite store")
    assert info is not None
    assert not (project / "runs.db").exists()


def test_a_run_that_is_stored_already_is_a_no(project: Path) -> None:
    call(project, "enqueue", "app:runner", "started", '"ab"', "--id", "a")

    done = call(project, "enqueue", "app:runner", "started", '"ab"', "--id", "a")

    assert (done.returncode, done.stdout) == (Exit.NO, "")
    assert done.stderr == "cnstra: run 'a' exists already and is pending\n"


async def test_the_payload_may_come_from_a_file_or_from_standard_input(project: Path) -> None:
    (project / "word.json").write_text('"from a file"')
    file = call(project, "enqueue", "app:runner", "started", "@word.json", "--id", "a")
    typed = call(project, "enqueue", "app:runner", "started", "-", "--id", "b", typed='"typed"')
    async with app.runner_of(project / "runs.db", max_active_runs=0) as observer:
        payloads = {run.stimulation_id: run.entry[0].payload for run in await observer.list()}

    assert (file.returncode, typed.returncode) == (Exit.DONE, Exit.DONE), typed.stderr
    assert payloads == {"a": "from a file", "b": "typed"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("started", "7", "--broker", NOWHERE), "collateral started: Expected `str`, got `int` (at $)"),
        (
            ("started", "ab", "--broker", NOWHERE),
            """; in a shell, put it in single quotes, such as '{"n": 1}', or say""",
        ),
        (("started", "--broker", NOWHERE), "Expected `str`, got `null`"),
        (("startet", '"a"', "--broker", NOWHERE), "collateral 'startet' is not registered; "),
        (
            ("started", "@nowhere.json", "--broker", NOWHERE),
            "cannot be read from nowhere.json: No such file or directory",
        ),
        (("started", '"a"'), "app:registry is a registry, so say where the job goes: --broker URL"),
        (
            ("started", '"a"', "--store", "memory://"),
            "app:registry is a registry; to put a run into a store, name a runner",
        ),
        (("started", '"a"', "--store", "memory://", "--broker", NOWHERE), "say --broker or --store, not both"),
        (("started", '"a"', "--broker", NOWHERE, "--key", "bank"), "--key goes with a store"),
        (("started", '"a"', "--broker", "redis://127.0.0.1:1"), "begins with the adapter's name"),
        (("started", '"a"', "--broker", NOWHERE, "--id", "a:b"), "the job_id 'a:b' has a colon"),
    ],
)
def test_what_cannot_be_sent_is_told_in_one_line_before_anything_is_sent(
    project: Path, arguments: tuple[str, ...], problem: str
) -> None:
    done = call(project, "enqueue", "app:registry", *arguments)

    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_store_has_no_queues(project: Path) -> None:
    done = call(project, "enqueue", "app:runner", "started", '"a"', "--queue", "imports")

    assert (done.returncode, done.stderr) == (
        Exit.USAGE,
        "cnstra: a store has no queues; --queue goes with --broker\n",
    )


def test_a_broker_that_is_away_has_a_code_of_its_own(project: Path) -> None:
    done = call(project, "enqueue", "app:registry", "started", '"a"', "--broker", NOWHERE)

    assert done.returncode == Exit.BROKER
    assert "bullmq has not taken the job: ConnectionError" in done.stderr


def test_an_extra_that_is_missing_is_told_of(project: Path) -> None:
    code = f"""import sys; sys.modules["bullmq"] = None; from cnstra.cli import main
sys.argv = ["cnstra", "enqueue", "app:registry", "started", '"a"', "--broker", {NOWHERE!r}]; main()"""

    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False)

    assert done.returncode == Exit.USAGE
    assert done.stderr.startswith("cnstra: workers on BullMQ need its client: pip install 'cnstra[bullmq]'")


def test_a_job_from_the_command_line_is_run_by_a_worker_from_the_command_line(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = f"decks-{uuid4().hex[:8]}"
    for name, value in {"REDIS_URL": url, "QUEUE": queue, "PAUSE": "0.01"}.items():
        monkeypatch.setenv(name, value)
    example = ("--dir", str(EXAMPLES))

    payload, broker = '{"import_id": "france"}', f"bullmq+{url}?queue={queue}"
    call(tmp_path, "enqueue", "bullmq_worker:registry", "importStarted", payload, "--broker", broker, *example)
    with running(tmp_path, "worker", "bullmq_worker:make_worker", *example) as worker:
        until_line(worker, "france: complete")
        worker.terminate()
        _, log = worker.communicate(timeout=30)

    assert worker.returncode == Exit.DONE, log
    assert "keeps their runs in the SQLite store" in log
