import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from cnstra import DurableRunner, GraphError
from cnstra.durable import Keep
from cnstra.durable.retention import Retention
from cnstra.persist.ports import Store
from tests.durable.conftest import Reopen
from tests.durable.graphs import Switch, line


async def runs(store: Store) -> Any:
    """Store five runs that have completed, and three that have failed; return the runner's graph."""
    switch = Switch(on=False)
    graph = line(switch)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        for n in range(8):
            switch.on = n >= 5
            run = await runner.stimulate(graph.signal(), stimulation_id=str(n))
            await asyncio.gather(run, return_exceptions=True)
    return graph


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        (None, "01234567"),
        (3600.0, "01234567"),
        (0.0, "567"),
        (Keep(count=2), "34567"),
        (Keep(age=3600.0, count=1), "4567"),
        (Keep(), "01234567"),
        ({"failed": Keep(count=1)}, "012347"),
        ({"failed": Keep(count=0), "completed": 3600.0, "aborted": 0.0}, "01234"),
    ],
)
async def test_what_the_policy_does_not_keep_is_dropped(policy: Any, left: str, stores: Reopen) -> None:
    graph = await runs(stores())

    async with DurableRunner(graph.cns, graph.registry, stores(), retention=None) as runner:
        await asyncio.sleep(0.002)
        await Retention(policy).apply(runner.store, "")
        kept = [run.stimulation_id for run in await runner.list()]

    assert sorted(kept) == list(left)


@pytest.mark.parametrize(
    "policy",
    [-1.0, True, "a week", {"completed": -1.0}, {"pending": 1.0}, {"failed": None}, float("nan")],
)
def test_a_malformed_policy_is_refused(policy: Any) -> None:
    with pytest.raises(GraphError):
        Retention(policy)


@pytest.mark.parametrize("limits", [{"age": -1.0}, {"count": -1}, {"count": 1.5}, {"age": "old"}])
def test_a_malformed_limit_is_refused(limits: Mapping[str, Any]) -> None:
    with pytest.raises(GraphError):
        Keep(**limits)


async def test_runs_of_another_scope_are_left_alone(stores: Reopen) -> None:
    graph = await runs(stores())

    async with DurableRunner(graph.cns, graph.registry, stores(), scope="other", retention=None) as runner:
        dropped = await Retention({"completed": 0.0, "failed": 0.0}).apply(runner.store, "other")

    assert dropped == 0
