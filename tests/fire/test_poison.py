import asyncio
from collections import Counter
from pathlib import Path

import pytest

from cnstra import DurableRunner
from tests.fire.backends import BACKENDS, Backend
from tests.fire.crew import Crew
from tests.fire.poison import BOMB, POSTED, mail
from tests.fire.waiting import Order

pytestmark = pytest.mark.parametrize("backend", BACKENDS, indirect=True)

MOST = 3


async def test_a_run_that_kills_its_workers_is_parked_while_the_others_complete(
    backend: Backend, crew: Crew, tmp_path: Path
) -> None:
    cns, registry = mail()
    async with DurableRunner(cns, registry, backend.url, max_active_runs=0) as owner:
        for number in range(BOMB, BOMB + 30):
            await owner.enqueue(POSTED.create_signal(Order(number)), stimulation_id=f"parcel-{number}")
        deaths = await _open_all(owner, backend, crew, tmp_path)
        [parked] = await owner.list(status="failed")
        runs = (await owner.stats()).runs

    assert deaths == MOST + 1
    assert Counter(runs) == Counter(completed=29, failed=1)
    assert parked.stimulation_id == f"parcel-{BOMB}"
    assert parked.error is not None
    assert parked.error.type_name == "PoisonRun"
    assert parked.outstanding == 1


async def test_a_parked_run_can_be_retried_once_it_is_harmless(backend: Backend, crew: Crew, tmp_path: Path) -> None:
    cns, registry = mail(str(tmp_path))
    async with DurableRunner(cns, registry, backend.url, max_active_runs=0) as owner:
        await owner.enqueue(POSTED.create_signal(Order(BOMB)), stimulation_id="bomb")
        await _open_all(owner, backend, crew, tmp_path)
        (tmp_path / "defused").touch()
        await (await owner.retry("bomb"))
        run = await owner.get("bomb")

    assert run is not None
    assert run.status == "completed"


async def _open_all(owner: DurableRunner, backend: Backend, crew: Crew, folder: Path) -> int:
    """Let workers work, one at a time, until no run is left; return how many have died of it."""
    deaths = 0
    worker = None
    while (stats := await owner.stats()).runs["pending"] + stats.runs["running"]:
        if worker is None or worker.has_ended:
            deaths += worker is not None
            worker = crew.start(
                "tests.fire.poison:keep_opening", url=backend.url, folder=str(folder), max_recoveries=MOST
            )
        await asyncio.sleep(0.01)
    return deaths
