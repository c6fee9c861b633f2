import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from cnstra import (
    CNS,
    CNSPersistOptionsRegistry,
    DurableRunner,
    GraphError,
    HandlerContext,
    MemoryStore,
    StimulationFailed,
    collateral,
    neuron,
)
from cnstra.logs import RunFilter, add_run_fields, run_fields

started = collateral(str, name="started")
log = logging.getLogger("tests.logs")


def tell(word: str) -> None:
    log.info(word)


async def tell_later(word: str) -> None:
    tell(word)


class Kept(logging.Handler):
    """Keeps the records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def runs(self) -> list[tuple[Any, ...]]:
        return [(one.stimulation_id, one.attempt_number, one.neuron, one.activation_id) for one in self.records]


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler = Kept()
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.removeHandler(handler)
    log.setLevel(logging.NOTSET)


def graph_of(handler: Any, **options: Any) -> CNS[Any]:
    one = neuron({}, name="deck")
    one.dendrite(started, handler, **options)
    return CNS([one])


def registry_of(cns: CNS[Any]) -> CNSPersistOptionsRegistry:
    return CNSPersistOptionsRegistry().register("deckNeuron", cns.neurons[0]).register_collateral("started", started)


async def test_a_record_of_a_durable_run_tells_run_attempt_neuron_and_activation(kept: Kept) -> None:
    async def handler(word: str, axon: Any, ctx: HandlerContext[Any, Any]) -> None:
        log.info("before")
        await asyncio.sleep(0)
        log.info("after")
        if ctx.attempt_number == 1:
            raise ValueError("no")

    cns = graph_of(handler)
    registry = registry_of(cns)
    add_run_fields(cns, registry, handlers=[kept])
    async with DurableRunner(cns, registry, MemoryStore()) as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(started.create_signal("a"), stimulation_id="import-7"))
        await (await runner.retry("import-7"))

    first, second = ("import-7", 1, "deckNeuron", "import-7:0"), ("import-7", 2, "deckNeuron", "import-7:0")
    assert kept.runs == [first, first, second, second]
    assert kept.records[3].run == "import-7:0 deckNeuron #2"


def test_a_run_in_memory_has_no_id_but_its_activations_have(kept: Kept) -> None:
    ids: list[str] = []

    def handler(word: str, axon: Any, ctx: HandlerContext[Any, Any]) -> None:
        log.info(word)
        ids.append(ctx.activation_id)

    cns = graph_of(handler)
    add_run_fields(cns, handlers=[kept])
    cns.stimulate([started.create_signal("a"), started.create_signal("b")])

    assert kept.runs == [(None, 1, "deck", ids[0]), (None, 1, "deck", ids[1])]
    assert ids[0] != ids[1]


def test_outside_handlers_the_fields_are_there_and_empty(kept: Kept) -> None:
    cns = graph_of(lambda word: None)
    add_run_fields(cns, handlers=[kept])

    cns.stimulate(started.create_signal("a"))
    log.info("outside")

    assert kept.runs == [(None, None, None, None)]
    assert kept.records[0].run == "-"


async def test_runs_at_once_do_not_mix(kept: Kept) -> None:
    gate = asyncio.Event()

    async def handler(word: str) -> None:
        await gate.wait()
        log.info(word)

    cns = graph_of(handler)
    registry = registry_of(cns)
    add_run_fields(cns, registry, handlers=[kept])
    async with DurableRunner(cns, registry, MemoryStore()) as runner:
        runs = [await runner.stimulate(started.create_signal(one), stimulation_id=one) for one in "abc"]
        gate.set()
        for run in runs:
            await run

    assert [(one.getMessage(), one.stimulation_id) for one in kept.records] == [("a", "a"), ("b", "b"), ("c", "c")]


async def test_threads_and_tasks_of_a_handler_have_the_fields(kept: Kept) -> None:
    async def shout(word: str) -> None:
        await asyncio.gather(asyncio.create_task(tell_later(word)), asyncio.to_thread(tell, word))

    cns = CNS([graph_of(shout).neurons[0], graph_of(tell, in_thread=True).neurons[0]])
    add_run_fields(cns, handlers=[kept])
    await cns.stimulate(started.create_signal("a"))

    assert [one.neuron for one in kept.records] == ["deck", "deck", "deck"]
    assert len({one.activation_id for one in kept.records}) == 2
    assert any(one.thread != threading.get_ident() for one in kept.records)


def test_a_run_inside_a_handler_has_its_own_fields_and_leaves_those_of_the_outer_one(kept: Kept) -> None:
    inner = graph_of(lambda word: log.info("inner"))

    def outer(word: str) -> None:
        inner.stimulate(started.create_signal(word))
        log.info("outer")

    cns = graph_of(outer)
    for graph in (inner, cns):
        add_run_fields(graph, handlers=[kept] if graph is cns else ())
    cns.stimulate(started.create_signal("a"))

    assert kept.records[0].activation_id != kept.records[1].activation_id


def test_a_field_that_the_record_has_already_is_kept(kept: Kept) -> None:
    cns = graph_of(lambda word: log.info(word, extra={"neuron": "mine"}))
    add_run_fields(cns, handlers=[kept])

    cns.stimulate(started.create_signal("a"))

    assert (kept.records[0].neuron, kept.records[0].attempt_number) == ("mine", 1)


def test_it_can_be_undone(kept: Kept) -> None:
    cns = graph_of(tell)
    undo = add_run_fields(cns, handlers=[kept])

    undo()
    undo()
    cns.stimulate(started.create_signal("a"))

    assert not hasattr(kept.records[0], "neuron")
    assert kept.filters == []
    assert cns.wrappers == ()


def test_the_root_logger_is_the_default_and_must_have_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    cns, root, own = graph_of(lambda word: None), logging.getLogger(), Kept()
    monkeypatch.setattr(root, "handlers", [])
    with pytest.raises(GraphError, match=r"say logging\.basicConfig"):
        add_run_fields(cns)
    monkeypatch.setattr(root, "handlers", [own])

    add_run_fields(cns)

    assert [type(one) for one in own.filters] == [RunFilter]


def test_other_loggers_can_ask_for_the_fields() -> None:
    found: list[Any] = []
    cns = graph_of(lambda word: found.append(run_fields()))
    add_run_fields(cns, handlers=())

    cns.stimulate(started.create_signal("a"))

    assert found[0]["neuron"] == "deck"
    assert run_fields()["run"] == "-"
