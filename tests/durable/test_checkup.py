from typing import Any

import pytest

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, StimulationFailed, StoreError, collateral, neuron
from cnstra.durable import CheckReport
from cnstra.errors import GraphError
from cnstra.persist.ports import Store
from cnstra.persist.records import RunState, WorkerRecord
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Graph, Item, Switch, line, pass_on


async def stored(store: Store, count: int = 3) -> Graph:
    """Store *count* runs that wait before n1, one that has failed there, and one that has completed."""
    switch = Switch()
    graph = line(pass_on, switch, pass_on)
    async with DurableRunner(graph.cns, graph.registry, store, max_active_runs=0) as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(graph.signal(0), stimulation_id="failed"))
        switch.on = False
        await (await runner.stimulate(graph.signal(0), stimulation_id="done"))
        for n in range(count):
            await runner.enqueue(graph.collaterals[1].create_signal(Item(n)), stimulation_id=f"waits-{n}")
    return graph


async def check(graph: Graph, store: Store, **options: Any) -> CheckReport:
    async with DurableRunner(graph.cns, graph.registry, store, max_active_runs=0) as runner:
        return await runner.check(**options)


async def test_the_code_that_stored_the_runs_can_resume_them(stores: Reopen) -> None:
    graph = await stored(stores())

    report = await check(graph, stores())

    assert (report.checked, report.unfit, report.is_clean, report.is_complete) == (4, 0, True, True)
    assert str(report) == "4 unfinished runs checked; this code can resume 4"


async def test_what_older_code_could_not_resume_is_grouped_by_what_is_missing(stores: Reopen) -> None:
    await stored(stores(), count=12)
    older = line(pass_on)

    report = await check(older, stores())

    assert (report.checked, report.unfit, report.is_clean) == (13, 13, False)
    [problem] = report.problems
    assert (problem.kind, problem.name, problem.count) == ("neuron", "n1", 13)
    assert problem.stimulation_ids == tuple(f"waits-{n}" for n in range(11, 1, -1))
    assert "13 runs: waits-11, waits-10" in str(report)
    assert str(report).endswith(", ...]")


async def test_a_payload_that_no_longer_decodes_is_found_before_the_deploy(stores: Reopen) -> None:
    await stored(stores(), count=1)
    c0: Any = collateral(str, name="c0")
    c1: Any = collateral(str, name="c1")
    n0, n1 = neuron({"c1": c1}, name="n0"), neuron({}, name="n1").dendrite(c1, lambda: None)
    registry = CNSPersistOptionsRegistry().register("n0", n0).register("n1", n1).register_collateral("c0", c0)
    changed = Graph(CNS([n0, n1]), registry, c0, [n0, n1], [c0, c1], [])

    report = await check(changed, stores())

    assert [(problem.kind, problem.name, problem.count) for problem in report.problems] == [("payload", "c1", 2)]


async def test_a_check_changes_nothing(stores: Reopen) -> None:
    graph = await stored(stores())
    older = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as runner:
        before = list(await runner.list())
        await check(older, stores())
        after = list(await runner.list())

    assert after == before


async def test_a_check_may_look_at_the_latest_runs_only(stores: Reopen) -> None:
    await stored(stores())
    older = line(pass_on)

    report = await check(older, stores(), limit=2)

    assert (report.checked, report.is_complete) == (2, False)
    assert report.problems[0].stimulation_ids == ("waits-2", "waits-1")
    assert "(more are stored)" in str(report)


async def test_a_limit_that_is_not_reached_is_no_limit(stores: Reopen) -> None:
    graph = await stored(stores())

    assert (await check(graph, stores(), limit=4)).is_complete
    with pytest.raises(GraphError, match="limit"):
        await check(graph, stores(), limit=0)


async def test_many_runs_are_checked_page_by_page(stores: Reopen) -> None:
    graph = await stored(stores(), count=120)

    assert (await check(graph, stores())).checked == 121


class Damaged(StoreWrapper):
    """Cannot read run ``waits-1``; once it is down, not even its workers."""

    down = False

    async def peek(self, scope: str, stimulation_id: str) -> RunState | None:
        if stimulation_id == "waits-1":
            raise StoreError("row 7 is damaged")
        return await super().peek(scope, stimulation_id)

    async def workers(self) -> list[WorkerRecord]:
        if self.down:
            raise StoreError("no connection")
        return await super().workers()


async def test_a_run_that_cannot_be_read_is_told_and_the_others_are_checked(stores: Reopen) -> None:
    graph = await stored(stores())

    report = await check(graph, Damaged(stores()))

    assert (report.checked, report.unfit) == (4, 1)
    assert str(report.problems[0]) == "run 'waits-1': it cannot be read (row 7 is damaged) [1 run: waits-1]"


async def test_a_store_that_goes_away_meanwhile_is_no_damage_of_the_runs(stores: Reopen) -> None:
    graph = await stored(stores())
    store = Damaged(stores())
    async with DurableRunner(graph.cns, graph.registry, store, max_active_runs=0) as runner:
        store.down = True
        with pytest.raises(StoreError, match="no connection"):
            await runner.check()
        store.down = False
