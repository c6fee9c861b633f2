import asyncio
import signal
from contextlib import suppress
from pathlib import Path

from cnstra import StimulationAborted
from cnstra.cli.ending import Exit
from tests.cli.calling import running, until_line
from tests.cli.invoking import document, invoke
from tests.cli.runs.shop import Order, ordered, runner_of


def test_a_run_that_is_over_is_told_at_once(url: str) -> None:
    done = invoke("runs", "tail", "done", "--store", url)

    told = [line[21:] for line in done.stdout.splitlines()]
    assert done.exit_code == Exit.DONE
    assert told[0].startswith("#1 task 0  billing on ordered  done in ")
    assert told[1].startswith("#1 task 1  shipping on billed  done in ")
    assert told[2] == "#1 completed, 0 tasks left"


def test_a_failed_run_is_a_no(url: str) -> None:
    done = invoke("runs", "tail", "broken", "--store", url)

    assert done.exit_code == Exit.NO
    assert r"failed in " in done.stdout
    assert r"ValueError: \x1b[31mred" in done.stdout


def test_each_line_is_a_document(url: str) -> None:
    lines = invoke("runs", "tail", "done", "--store", url, "--json").stdout.splitlines()

    assert [document("tail", line)["event"] for line in lines] == ["task", "task", "status"]


async def test_a_run_is_followed_until_it_is_over(tmp_path: Path) -> None:
    file = tmp_path / "runs.db"
    async with runner_of(file) as runner:
        run = await runner.stimulate(ordered.create_signal(Order(7, "hold")), stimulation_id="hold")
        arguments = ("runs", "tail", "hold", "--store", f"sqlite:///{file}", "--json", "--interval", "0.05")
        tail = asyncio.create_task(asyncio.to_thread(invoke, *arguments))
        await asyncio.sleep(0)
        await runner.abort("hold", "enough")
        done = await asyncio.wait_for(tail, 60)
        with suppress(StimulationAborted):
            await run

    events = [document("tail", line) for line in done.stdout.splitlines()]
    assert done.exit_code == Exit.NO
    assert events[-1]["run"]["status"] == "aborted"
    assert [one["task"]["ordinal"] for one in events if one["event"] == "task"] == [0]


async def test_ctrl_c_stops_looking(tmp_path: Path) -> None:
    file = tmp_path / "runs.db"
    async with runner_of(file) as runner:
        run = await runner.stimulate(ordered.create_signal(Order(7, "hold")), stimulation_id="hold")
        with running(tmp_path, "runs", "tail", "hold", "--store", f"sqlite:///{file}") as tail:
            await asyncio.to_thread(until_line, tail, "#1 running, 1 tasks left")
            tail.send_signal(signal.SIGINT)
            _, log = await asyncio.to_thread(tail.communicate, timeout=60)
        await runner.abort("hold")
        with suppress(StimulationAborted):
            await run

    assert (tail.returncode, log) == (130, "")
