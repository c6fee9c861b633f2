from pathlib import Path

import pytest

from tests.fire.backends import BACKENDS, Backend
from tests.fire.burning import Fire, Plan
from tests.fire.crew import Crew
from tests.fire.scale import SCALE
from tests.fire.statistics import Statistics
from tests.fire.torments import Killer


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
async def test_no_run_is_lost_and_nothing_is_done_twice_under_fire(
    backend: Backend, crew: Crew, tmp_path: Path, statistics: Statistics
) -> None:
    toll = await Fire(backend, crew, tmp_path, Plan(SCALE.runs), torment=Killer(SCALE.seed)).burn()

    statistics.add("fire", backend.name, **toll.figures)
    assert toll.runs == {"completed": SCALE.runs // 7 * 6, "failed": SCALE.runs // 7}
    assert toll.harm["kills"] > 2
    assert toll.harm["zombies"] > 0
    assert toll.repeated > 0
