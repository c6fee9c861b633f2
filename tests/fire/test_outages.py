from dataclasses import replace
from pathlib import Path

import pytest

from tests.fire.backends import Backend
from tests.fire.burning import Fire, Plan
from tests.fire.crew import Crew
from tests.fire.scale import SCALE
from tests.fire.statistics import Statistics
from tests.fire.torments import Cuts, Killer, Outages, Together
from tests.servers.proxy import proxy_to

pytestmark = pytest.mark.parametrize("backend", ["postgres", "redis"], indirect=True)

PLAN = Plan(SCALE.tormented, workers=3)
OUTCOME = {"completed": SCALE.tormented // 7 * 6, "failed": SCALE.tormented // 7}


async def test_runs_survive_crashes_of_the_server(
    backend: Backend, crew: Crew, tmp_path: Path, statistics: Statistics
) -> None:
    assert backend.server is not None
    outages = Outages(backend.server, SCALE.seed, times=SCALE.outages)

    toll = await Fire(backend, crew, tmp_path, PLAN, torment=outages).burn()

    statistics.add("crashes of the server", backend.name, **toll.figures)
    assert toll.runs == OUTCOME
    assert toll.harm["outages"] > 1


async def test_runs_survive_connections_that_break_in_the_middle_of_commits(
    backend: Backend, crew: Crew, tmp_path: Path, statistics: Statistics
) -> None:
    async with proxy_to(backend.url) as proxy:
        by_proxy = replace(backend, url=proxy.url)
        cuts = Cuts(proxy, SCALE.seed)
        toll = await Fire(backend, crew, tmp_path, PLAN, torment=cuts, workers_see=by_proxy).burn()

    statistics.add("cut connections", backend.name, **toll.figures)
    assert toll.runs == OUTCOME
    assert toll.harm["lost_answers"] > 1


async def test_runs_survive_all_of_it_at_once(
    backend: Backend, crew: Crew, tmp_path: Path, statistics: Statistics
) -> None:
    assert backend.server is not None
    async with proxy_to(backend.url) as proxy:
        by_proxy = replace(backend, url=proxy.url)
        torment = Together(
            Killer(SCALE.seed, pause=(0.3, 1.0)),
            Outages(backend.server, SCALE.seed, times=SCALE.outages),
            Cuts(proxy, SCALE.seed),
        )
        toll = await Fire(backend, crew, tmp_path, PLAN, torment=torment, workers_see=by_proxy).burn()

    statistics.add("all at once", backend.name, **toll.figures)
    assert toll.runs == OUTCOME
