from typing import Any

import pytest

from cnstra import DurableRunner, GraphError, StimulationFailed
from cnstra.durable.contexts import CallersContext
from tests.durable.conftest import Reopen
from tests.durable.graphs import Boom, Context, Item, Switch, line, pass_on


def numbered(stimulation_id: str, metadata: Any, attempt_number: int) -> tuple[str, int]:
    return stimulation_id, attempt_number


def test_without_a_factory_there_is_no_object() -> None:
    assert CallersContext(None).of("a", {}, 1) is None


def test_a_factory_of_two_parameters_is_not_given_the_number() -> None:
    callers = CallersContext(lambda stimulation_id, metadata: (stimulation_id, metadata))

    assert callers.of("a", {"user": 7}, 3) == ("a", {"user": 7})


def test_the_factory_that_came_first_stays() -> None:
    callers = CallersContext(lambda stimulation_id, metadata: "first")
    callers.use_by_default(numbered)

    assert callers.of("a", {}, 1) == "first"


def test_a_factory_must_be_callable() -> None:
    with pytest.raises(GraphError, match="cannot be called"):
        CallersContext("nothing")  # type: ignore[arg-type]


async def test_a_factory_that_fails_fails_a_run_that_was_just_stored(stores: Reopen) -> None:
    graph = line(pass_on)

    def broken(stimulation_id: str, metadata: Any) -> Any:
        raise Boom("no database")

    async with DurableRunner(graph.cns, graph.registry, stores(), stimulation_context=broken) as runner:
        with pytest.raises(Boom):
            await runner.stimulate(graph.signal(), stimulation_id="a")
        with pytest.raises(StimulationFailed, match="no database"):
            await runner.wait("a")

    assert graph.ran == []


async def test_each_attempt_has_an_object_of_its_own(stores: Reopen) -> None:
    seen: list[Any] = []
    switch = Switch()

    def look(item: Item, ctx: Context) -> Item:
        seen.append(ctx.stimulation_context)
        return switch(item, ctx)

    graph = line(look)
    runner = DurableRunner(graph.cns, graph.registry, stores())
    runner.use_context(numbered)
    async with runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(graph.signal(), stimulation_id="a"))
        switch.on = False
        await (await runner.retry("a"))

    assert seen == [("a", 1), ("a", 2)]
