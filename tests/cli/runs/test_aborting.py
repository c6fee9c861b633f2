import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cnstra import StimulationAborted
from cnstra.cli.ending import Exit
from tests.cli.invoking import document, invoke
from tests.cli.runs.looking import info_of, status_of
from tests.cli.runs.shop import Order, ordered, runner_of


def test_a_run_that_waits_is_aborted_at_once(file: Path, url: str) -> None:
    done = invoke("runs", "abort", "waiting", "--reason", "no more", "--store", url, "--json")
    info = info_of(file, "waiting")

    assert done.exit_code == Exit.DONE
    assert document("action", done.stdout) == {
        "action": "abort",
        "runs": [{"stimulation_id": "waiting", "done": True, "status": "aborted", "source": None, "problem": None}],
    }
    assert info is not None
    assert info.error is not None
    assert info.error.message == "no more"


def test_a_run_that_is_over_is_a_no(file: Path, url: str) -> None:
    done = invoke("runs", "abort", "done", "nothing", "--store", url)

    assert (done.exit_code, done.stdout) == (Exit.NO, "")
    assert done.stderr == (
        "cnstra: run 'done' is completed: it is over, there is nothing to abort\n"
        "cnstra: no run 'nothing' is stored in this scope\n"
    )
    assert status_of(file, "done") == "completed"


async def test_a_run_of_another_process_is_aborted_by_its_worker(tmp_path: Path) -> None:
    file = tmp_path / "runs.db"
    async with runner_of(file) as runner:
        run = await runner.stimulate(ordered.create_signal(Order(7, "hold")), stimulation_id="hold")
        done = await asyncio.to_thread(invoke, "runs", "abort", "hold", "--store", f"sqlite:///{file}")
        with pytest.raises(StimulationAborted, match="requested on the command line"):
            await run

    assert (done.exit_code, done.stdout) == (Exit.DONE, "run hold is aborted\n")


async def test_a_worker_that_does_not_answer_is_named_and_the_request_stays(tmp_path: Path) -> None:
    file = tmp_path / "runs.db"
    async with runner_of(file, worker_id="deaf") as runner:
        run = await runner.stimulate(ordered.create_signal(Order(7, "hold")), stimulation_id="hold")
        with ThreadPoolExecutor() as pool:  # whose result is waited for by blocking the event loop of the worker
            asked = pool.submit(invoke, "runs", "abort", "hold", "--wait", "0.1", "--store", f"sqlite:///{file}")
            done = asked.result(60)
        with pytest.raises(StimulationAborted, match="requested on the command line"):
            await run

    assert done.exit_code == Exit.NO
    assert done.stderr == "cnstra: run 'hold' is running: worker deaf is asked to abort it, and has not done so yet\n"
