import pytest

from tests.fire.backends import TRANSACTIONAL, Backend
from tests.fire.crew import Crew
from tests.fire.money import rob
from tests.fire.scale import SCALE
from tests.fire.statistics import Statistics


@pytest.mark.parametrize("backend", TRANSACTIONAL, indirect=True)
async def test_money_is_moved_once_however_often_the_tellers_are_killed(
    backend: Backend, crew: Crew, statistics: Statistics
) -> None:
    robbery = await rob(backend, crew, transfers=SCALE.transfers, seed=SCALE.seed)

    statistics.add("money", backend.name, transfers=SCALE.transfers, **robbery._asdict())
    assert robbery.kills > 2
