import asyncio
import re
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest

from cnstra import DurableRunner
from tests.fire.backends import BACKENDS, Backend
from tests.fire.crew import Crew
from tests.fire.effects import Effects
from tests.fire.patience import until
from tests.fire.versions import ORDERED, STEPS, program
from tests.fire.waiting import Order

KEEP_SERVING = "tests.fire.versions:keep_serving"


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
async def test_two_versions_of_the_code_share_a_store(backend: Backend, crew: Crew, tmp_path: Path) -> None:
    where = {"url": backend.url, "folder": str(tmp_path)}
    cns, registry = program("new")
    effects = Effects(tmp_path)
    async with DurableRunner(cns, registry, backend.url, max_active_runs=0) as shop:
        new = crew.start(KEEP_SERVING, log="new.log", version="new", **where)
        await _order(shop, range(30))
        await until(lambda: any(one.meaning == "new insure" for one in effects.journal()))
        new.kill()  # and leave runs behind that only the new version can go on with
        old = [crew.start(KEEP_SERVING, log="old.log", version="old", **where) for _ in range(2)]
        await _order(shop, range(30, 60))
        await until(lambda: "is left to a worker that has it" in crew.said("old.log"))
        crew.start(KEEP_SERVING, log="new.log", version="new", **where)
        await asyncio.gather(*(shop.wait(f"order-{number}") for number in range(60)))
        for member in old:
            member.terminate()
            assert await member.ended() == -signal.SIGTERM

    warning = re.search(
        r"WARNING run (order-\d+) needs other code than this, .*'(packed|insure)': not registered", crew.said("old.log")
    )
    assert warning is not None
    ways = _ways(effects)
    assert ways[warning[1]] == set(STEPS["new"])
    assert len(ways) == 60
    assert set(ways.values()) == {frozenset(STEPS["old"]), frozenset(STEPS["new"])}


async def _order(shop: DurableRunner, numbers: Iterable[int]) -> None:
    for number in numbers:
        await shop.enqueue(ORDERED.create_signal(Order(number)), stimulation_id=f"order-{number}")


def _ways(effects: Effects) -> dict[str, frozenset[str]]:
    """Return what was done for each order."""
    ways: dict[str, frozenset[str]] = {}
    for effect in effects.all():
        run_id = effect.activation_id.rpartition(":")[0]
        ways[run_id] = ways.get(run_id, frozenset()) | {effect.meaning}
    return ways
