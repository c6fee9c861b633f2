"""The patterns of the reference page: each one survives what it is for."""

import asyncio
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from examples import reference_page as page

SCRIPT = Path(page.__file__)


def statuses(path: Path) -> dict[str, str]:
    with closing(page.open_tables(path)) as database:
        return dict(database.execute("SELECT id, status FROM stimulations").fetchall())


def test_both_ways_of_making_a_registry_give_the_same_names() -> None:
    in_one_go = page.make_registry()

    for neuron in (page.deck_neuron, page.card_neuron, page.ui_neuron):
        assert in_one_go.get_neuron_name(neuron) == page.registry.get_neuron_name(neuron) is not None
    for name in ("importStarted", "deckCreated", "deckArchived", "cardsAdded"):
        assert in_one_go.get_collateral(name) is page.registry.get_collateral(name) is not None


def test_the_registry_misses_nothing_that_a_resume_needs() -> None:
    assert page.registry.check(page.make_cns(page.Library())) == []


def test_a_signal_survives_as_a_row() -> None:
    signal = page.import_started.create_signal(page.ImportStarted("import-1"))

    assert page.from_row(*page.to_row(signal)) == signal


def test_a_job_of_an_unknown_name_is_refused() -> None:
    with pytest.raises(LookupError, match="importStopped"):
        page.from_row("importStopped", 1, b"{}")


def test_a_worker_that_is_killed_half_way_leaves_jobs_that_the_next_one_does(tmp_path: Path) -> None:
    done_at_the_kill = page.pattern_1(tmp_path / "own.db", jobs=6)

    assert 3 <= done_at_the_kill <= 6
    with closing(page.open_tables(tmp_path / "own.db")) as database:
        assert page.count_done(database) == 6


async def test_a_run_is_recorded_from_its_start_to_its_end(tmp_path: Path) -> None:
    library = page.Library(outages=1)
    with closing(page.open_tables(tmp_path / "own.db")) as database:
        for number in (1, 2):
            signal = page.import_started.create_signal(page.ImportStarted(f"import-{number}"))
            await page.start(database, page.make_cns(library), signal, f"stim-{number}")

    assert statuses(tmp_path / "own.db") == {"stim-1": "failed", "stim-2": "done"}
    assert page.registry.stimulations() == {}


async def test_a_run_under_way_is_found_by_its_id(tmp_path: Path) -> None:
    with closing(page.open_tables(tmp_path / "own.db")) as database:
        signal = page.import_started.create_signal(page.ImportStarted("import-1"))
        run = asyncio.create_task(page.start(database, page.make_cns(page.Library()), signal, "stim-1"))
        await asyncio.sleep(0)

        stimulation = page.registry.get_stimulation("stim-1")
        await run

    assert stimulation is not None
    assert stimulation.done


async def test_a_stale_run_is_found_and_started_again(tmp_path: Path) -> None:
    restarted = await page.pattern_2(tmp_path / "own.db")

    assert restarted == ["stim-lost"]
    assert set(statuses(tmp_path / "own.db").values()) == {"done"}


async def test_the_context_goes_on_counting_after_a_restart() -> None:
    assert await page.pattern_3() == (1, 2)


async def test_a_resume_from_the_frontier_repeats_only_what_was_not_done() -> None:
    stored, count = await page.pattern_3_from_the_frontier()

    assert [task["neuron_name"] for task in json.loads(stored)["tasks"]] == ["cardNeuron"]
    assert json.loads(stored)["context"] == {"cardNeuron": 1}
    assert count == 2


def test_the_script_tells_what_happens_and_ends_well() -> None:
    ran = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert "stim-lost" in ran.stdout
