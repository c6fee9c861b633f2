import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

from cnstra import DurableRunner
from cnstra.persist.ports import Store
from tests.durable.graphs import line, pass_on

ROOT = Path(__file__).parents[2]
PROGRAM = """
import asyncio, sys
from cnstra import DurableRunner
from tests.durable.graphs import line, pass_on

async def slow(item, ctx):
    print("reached", flush=True)
    await asyncio.sleep(float(sys.argv[2]))
    return item

async def main():
    graph = line(pass_on, slow, pass_on)
    async with DurableRunner(graph.cns, graph.registry, sys.argv[1], grace=30.0) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))

asyncio.run(main())
"""


def start(database: Path, seconds: float) -> subprocess.Popen[str]:
    """Start a worker, and wait until its second handler runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, f"sqlite:///{database}", str(seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "reached\n"
    return process


def stored(database: Path) -> tuple[str, str | None, int, int]:
    with closing(sqlite3.connect(database)) as connection:
        row = connection.execute(
            "SELECT status, owner, hop_count, (SELECT count(*) FROM cnstra_workers) "
            "FROM cnstra_runs JOIN cnstra_progress USING (key)"
        ).fetchone()
    return tuple(row)


def test_sigterm_lets_handlers_settle_gives_the_run_back_and_ends_the_process(tmp_path: Path) -> None:
    process = start(tmp_path / "runs.db", 0.2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)

    assert process.returncode == -signal.SIGTERM
    assert stored(tmp_path / "runs.db") == ("pending", None, 2, 0)


async def test_what_sigterm_has_given_back_is_resumed_by_the_next_runner(tmp_path: Path) -> None:
    process = start(tmp_path / "runs.db", 0.2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    graph = line(pass_on, pass_on, pass_on)

    async with DurableRunner(graph.cns, graph.registry, tmp_path / "runs.db") as runner:
        await runner.wait_until_idle()
        info = await runner.get("a")

    assert graph.ran == ["n2:1"]
    assert info is not None
    assert info.status == "completed"


async def test_a_second_sigterm_ends_the_process_at_once_and_loses_nothing(tmp_path: Path) -> None:
    process = start(tmp_path / "runs.db", 30.0)
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.02)
    process.communicate(timeout=30)
    before = stored(tmp_path / "runs.db")
    graph = line(pass_on, pass_on, pass_on)
    async with DurableRunner(graph.cns, graph.registry, tmp_path / "runs.db") as runner:
        await runner.wait_until_idle()

    assert process.returncode == -signal.SIGTERM
    assert before[0] == "running"
    assert graph.ran == ["n1:1", "n2:1"]


async def test_a_program_with_a_handler_of_its_own_keeps_it(store: Store) -> None:
    graph = line(pass_on)
    got: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: got.append(number))
    try:
        async with DurableRunner(graph.cns, graph.registry, store):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.01)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert got == [signal.SIGTERM]


async def test_the_handler_is_taken_off_when_the_runner_closes(store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store):
        inside = signal.getsignal(signal.SIGTERM)

    assert inside is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_runner_in_another_thread_leaves_signals_alone() -> None:
    graph = line(pass_on)
    seen: list[object] = []

    async def live() -> None:
        async with DurableRunner(graph.cns, graph.registry, "memory://") as runner:
            await (await runner.stimulate(graph.signal(1)))
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    thread.join()

    assert seen == [signal.SIG_DFL]
