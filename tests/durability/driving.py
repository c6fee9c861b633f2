"""What a worker process does: start the runs that it is to do, or find them half done, and see each to its end."""

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cnstra import (
    CNS,
    CNSPersistOptionsRegistry,
    Collateral,
    DurableRunner,
    Neuron,
    Signal,
    StimulationFailed,
    collateral,
    with_ctx,
)
from cnstra.core.context import HandlerContext
from cnstra.persist.ports import Store
from tests.durability.shapes import Broken, Memory, Node, Outcome, Shape, Token, outputs

Context = HandlerContext[Memory, Any]


class Execution(NamedTuple):
    """One call of a handler."""

    activation_id: str
    neuron: str
    key: str
    round: int
    attempt_number: int
    pid: int


class Log:
    """The calls of handlers, in a file that only grows: right up to the instant at which its process is killed."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600)
        self.calls = Counter(execution.activation_id for execution in executions(path))

    def add(self, execution: Execution) -> None:
        os.write(self._file, msgspec.json.encode(execution) + b"\n")
        self.calls[execution.activation_id] += 1

    def close(self) -> None:
        os.close(self._file)


def executions(path: Path) -> list[Execution]:
    """Return what was logged."""
    return (
        [msgspec.json.decode(line, type=Execution) for line in path.read_bytes().splitlines()] if path.exists() else []
    )


def require_one_meaning(log: Sequence[Execution]) -> None:
    """See that an activation id names one activation, however often that was run."""
    meanings = {(one.activation_id, one.neuron, one.key, one.round) for one in log}
    ids = Counter(meaning[0] for meaning in meanings)
    assert len(ids) == len(meanings), f"given twice: {[one for one, times in ids.items() if times > 1]}"


class Graph:
    """One CNS of several shapes, and its registry."""

    def __init__(self, shapes: Sequence[Shape], log: Log) -> None:
        self._log = log
        names = [node.name for shape in shapes for node in shape.nodes]
        self.collaterals: dict[str, Collateral[Token]] = {name: collateral(Token, name=name) for name in names}
        self.registry = CNSPersistOptionsRegistry()
        for name, one in self.collaterals.items():
            self.registry.register_collateral(name, one)
        self.cns = CNS([self._neuron(node) for shape in shapes for node in shape.nodes])

    def entry(self, shape: Shape) -> Signal[Token]:
        return self.collaterals[shape.nodes[0].name].create_signal(Token("r"))

    def _neuron(self, node: Node) -> Neuron[Any]:
        targets = {node.collateral, *node.to} if node.rounds else set(node.to)
        neuron = with_ctx(Memory).neuron({name: self.collaterals[name] for name in sorted(targets)}, name=node.name)

        def handle(payload: Token, axon: Any, ctx: Context) -> list[Signal[Token]]:
            return self._run(node, payload, ctx)

        async def handle_later(payload: Token, axon: Any, ctx: Context) -> list[Signal[Token]]:
            emitted = self._run(node, payload, ctx)
            await asyncio.sleep(0)
            return emitted

        if node.waits and node.remembers:
            # What a handler changes before it settles is stored with the first sibling that settles: they take turns.
            neuron.set_concurrency(1)
        neuron.dendrite(self.collaterals[node.collateral], handle_later if node.waits else handle)
        self.registry.register(node.name, neuron)
        return neuron

    def _run(self, node: Node, token: Token, ctx: Context) -> list[Signal[Token]]:
        self._log.add(Execution(ctx.activation_id, node.name, token.key, token.round, ctx.attempt_number, os.getpid()))
        if self._log.calls[ctx.activation_id] <= node.flaky:
            raise Broken(token.key)
        memory = ctx.get() or Memory()
        emitted = outputs(node, token, memory)
        if node.remembers:
            ctx.set(memory)
        return [self.collaterals[name].create_signal(one) for name, one in emitted]


async def work(
    store: Store, shapes: Sequence[Shape], runs: Sequence[tuple[str, Shape]], log: Log, **options: Any
) -> None:
    """See every run, a pair of an id and its shape, to its end."""
    graph = Graph(shapes, log)
    options = {"max_recoveries": None} | options  # the tests kill more often than a run can that kills its worker
    async with DurableRunner(graph.cns, graph.registry, store, handle_sigterm=False, **options) as runner:
        await asyncio.gather(*(_finish(runner, run_id, shape, graph.entry(shape)) for run_id, shape in runs))


async def _finish(runner: DurableRunner, run_id: str, shape: Shape, entry: Signal[Token]) -> None:
    while True:
        on_conflict: Any = "retry" if shape.heals else "return"
        run = await runner.stimulate(entry, stimulation_id=run_id, on_conflict=on_conflict)
        try:
            await run
        except StimulationFailed:
            if shape.heals:
                continue
        return


async def outcome_of(store: Store, run_id: str) -> Outcome:
    """Return where a stored run stands; it is taken from the store for that."""
    run = await store.get("", run_id)
    assert run is not None
    outcome = Outcome(run.status)
    ordinals: set[int] = set()
    for task in await store.tasks("", run_id):
        if task.settled.status == "done":
            assert task.settled.ordinal not in ordinals, f"{run_id}:{task.settled.ordinal} is done twice"
            ordinals.add(task.settled.ordinal)
            assert task.input is not None
            token = msgspec.json.decode(task.input.payload, type=Token)
            name = task.settled.task.neuron_name
            outcome.done[name, token.key, token.round] += 1
            for signal in task.outputs:
                one = msgspec.json.decode(signal.payload, type=Token)
                outcome.emitted[name, signal.collateral_name, one.key, one.round] += 1
    state = await store.take("", run_id, "inspector", statuses=("completed", "failed"), dead=())
    assert state is not None, f"{run_id} is {run.status}"
    for row in state.tasks:
        assert row.signal is not None
        token = msgspec.json.decode(state.signals[row.signal].payload, type=Token)
        outcome.left[row.neuron_name, token.key, token.round] += 1
    contexts = {name: msgspec.json.decode(value, type=Memory).seen for name, value in state.contexts.items()}
    outcome.contexts = {name: sorted(seen) for name, seen in contexts.items()}
    return outcome
