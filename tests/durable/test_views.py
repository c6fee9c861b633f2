import pytest

from cnstra import DurableRunner
from cnstra.durable.views import signal_info
from cnstra.persist.ports import Store
from cnstra.persist.records import SignalRow
from tests.durable.graphs import Item, Switch, line, pass_on


async def test_a_task_tells_its_input_and_its_output(store: Store) -> None:
    graph = line(lambda item, ctx: [Item(1), Item(2)], pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await (await runner.stimulate(graph.signal(0), stimulation_id="a"))
        tasks = await runner.tasks("a")

    first = tasks[0]
    assert first.input is not None
    assert (first.neuron_name, first.collateral_name, first.input.payload) == ("n0", "c0", {"n": 0})
    assert [(signal.collateral_name, signal.payload) for signal in first.output] == [("c1", {"n": 1}), ("c1", {"n": 2})]
    assert first.started_at is not None
    assert first.duration is not None
    assert first.duration >= 0
    assert [task.activation_id for task in tasks] == ["a:0", "a:1", "a:2"]


async def test_a_failed_task_of_the_frontier_tells_its_input_and_its_error(store: Store) -> None:
    graph = line(Switch())

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(3), stimulation_id="a")
        await run.stimulation.wait_quietly()  # type: ignore[union-attr]  # it is under way here
        assert run.stimulation is not None
        run.stimulation.get_failed_tasks()
        [task] = await runner.frontier("a")

    assert (task.status, task.activation_id) == ("failed", "a:0")
    assert task.input is not None
    assert task.input.payload == {"n": 3}
    assert task.error is not None
    assert (task.error.type_name, task.error.message) == ("Boom", "item 3")
    assert "Traceback" in task.error.traceback


async def test_a_page_is_a_sequence_of_runs(store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await (await runner.stimulate(graph.signal(3), stimulation_id="a"))
        page = await runner.list()

    assert page[0].stimulation_id == "a"
    assert [run.stimulation_id for run in page] == ["a"]
    assert len(page) == 1
    assert page.cursor is None


@pytest.mark.parametrize("stored", [b'{"n":', b"", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_shown_as_it_is(stored: bytes) -> None:
    info = signal_info(SignalRow(0, "c0", 1, stored))

    assert info.payload == f"unreadable: {stored[:200].decode(errors='replace')}"
