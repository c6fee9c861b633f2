"""The seam of a durable layer: told of each hop before anything follows from it, and able to hold that back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import pytest

from cnstra import CNS, ActivationTask, Axon, Neuron, Signal, Stimulation, StimulationFailed, collateral, neuron
from cnstra.core.options import StimulationOptions
from cnstra.core.subscribers import Activation, TaskRecord
from cnstra.errors import CNSError, GraphError, PayloadError
from tests.core.traces import Trace

start = collateral(int, name="start")


class Outputs(Axon):
    step = collateral(int)
    other = collateral(int)


class Write:
    """A write that is on disk when the test says so."""

    def __init__(self) -> None:
        self.waiters: list[Callable[[], None]] = []

    def add_waiter(self, waiter: Callable[[], None], /) -> None:
        self.waiters.append(waiter)

    def arrive(self) -> None:
        for waiter in self.waiters:
            waiter()


class Record:
    """What a recorder keeps with an activation."""

    def __init__(self, number: int) -> None:
        self.id = f"run:{number}"
        self.touched = False
        self.started = 0.0
        self.connection: Any = None


class Journal:
    """A recorder that keeps everything in lists; *waits* lets the run wait for each of its writes."""

    scope = ""
    stimulation_id = "run"
    created_at = 0.0
    here: ContextVar[TaskRecord | None] | None = None

    def __init__(self, *, waits: bool = False, unwritable: object = None) -> None:
        self.lines: list[str] = []
        self.writes: list[Write] = []
        self.records: list[Record] = []
        self.waits = waits
        self.unwritable = unwritable

    def write(self, line: str) -> Write | None:
        self.lines.append(line)
        if not self.waits:
            return None
        self.writes.append(Write())
        return self.writes[-1]

    def prepare(
        self, activation: Activation, outputs: Sequence[Signal[Any]], successors: Sequence[Sequence[Activation]], /
    ) -> list[Any]:
        if any(signal.payload == self.unwritable for signal in outputs):
            raise PayloadError("collateral step", "$", "unwritable")
        return [signal.payload for signal in outputs]

    def settled(
        self,
        activation: Activation,
        prepared: Any,
        successors: Sequence[Sequence[Activation]],
        forgotten: Sequence[Neuron[Any]],
        *,
        last: bool,
    ) -> Write | None:
        for group in successors:
            for one in group:
                one.record = self.record()
        dropped = [one.label for one in forgotten]
        return self.write(f"{activation.subscriber.neuron.label} -> {prepared} {dropped}{' last' * last}")

    def failed(self, activation: Activation, error: Exception) -> Write | None:
        return self.write(f"{activation.subscriber.neuron.label} failed: {type(error).__name__}")

    async def transact(self, activation: Activation, call: Callable[[], Any], /) -> Any:
        self.lines.append("begin")
        assert isinstance(activation.record, Record)
        activation.record.connection = self.lines
        try:
            result = call()
            return await result if hasattr(type(result), "__await__") else result
        finally:
            activation.record.connection = None

    def ended(self, outcome: BaseException | None) -> Write | None:
        return self.write(f"ended: {type(outcome).__name__}")

    def finished(self) -> None:
        self.lines.append("finished")

    def follow(self, follower: Callable[[str | None], object], /) -> None:
        raise NotImplementedError

    def record(self) -> Record:
        self.records.append(Record(len(self.records)))
        return self.records[-1]


def begin(cns: CNS[Any], journal: Journal, *signals: Signal[Any], **options: Any) -> Stimulation:
    """Start a recorded run, as a durable layer does."""
    run = Stimulation(cns, StimulationOptions(**options))
    run.attach(journal)
    groups = [
        [Activation(subscriber, signal) for subscriber in cns.network.subscribers(signal.collateral)]
        for signal in signals
    ]
    for group in groups:
        for one in group:
            one.record = journal.record()
    return cns.start(run, signals, groups)


def chain() -> CNS[Any]:
    first = neuron(Outputs, name="first").dendrite(start, lambda payload, axon: axon.step.create_signal(payload + 1))
    return CNS([first, neuron({}, name="second").dendrite(Outputs.step, lambda payload: None)])


def test_each_hop_is_recorded_in_order_and_the_last_one_knows_it() -> None:
    journal = Journal()

    run = begin(chain(), journal, start.create_signal(1))

    assert run.done
    assert journal.lines == ["first -> [2] []", "second -> [] [] last", "ended: NoneType", "finished"]


async def test_successors_wait_until_the_hop_is_written() -> None:
    journal, trace = Journal(waits=True), Trace()

    run = begin(chain(), journal, start.create_signal(1), on_drain=trace.on_drain)
    waiting = [task.neuron.label for task in run.get_all_activation_tasks()]
    journal.writes[0].arrive()

    assert waiting == ["second"]
    assert journal.lines[:2] == ["first -> [2] []", "second -> [] [] last"]
    assert not run.done
    journal.writes[1].arrive()
    journal.writes[2].arrive()
    await run
    assert trace.drains == "1(1/0) 0(0/0) 0(0/0)"
    assert journal.lines[-1] == "finished"


async def test_a_run_ends_when_its_end_is_written() -> None:
    journal = Journal(waits=True)
    run = begin(CNS([neuron({})]), journal, start.create_signal(1))
    before = run.done
    journal.writes[0].arrive()

    assert (before, run.done) == (False, True)


async def test_a_listener_and_a_write_hold_the_same_successors_back() -> None:
    journal, door = Journal(waits=True), asyncio.Event()

    run = begin(chain(), journal, start.create_signal(1), on_response=lambda _: door.wait())
    door.set()
    for _ in range(9):
        await asyncio.sleep(0)
    before = list(journal.lines)
    while not run.done:
        for write in list(journal.writes):
            write.arrive()
            write.waiters.clear()
        await asyncio.sleep(0)

    assert before == ["first -> [2] []"]
    assert journal.lines[1] == "second -> [] []"  # a listener may still fail the run: it is not sure to be the last


async def test_what_cannot_be_written_fails_the_hop_that_emits_it() -> None:
    journal = Journal(unwritable=2)
    run = begin(chain(), journal, start.create_signal(1))

    with pytest.raises(StimulationFailed) as failed:
        await run

    assert isinstance(failed.value.exceptions[0], PayloadError)
    assert journal.lines == ["first failed: PayloadError", "ended: StimulationFailed", "finished"]


async def test_a_hop_that_cannot_be_written_drops_no_context() -> None:
    def remember(payload: int, axon: Outputs, ctx: Any) -> Signal[int]:
        ctx.set(payload)
        return axon.step.create_signal(payload)

    remembering = neuron(Outputs, name="first").dendrite(start, remember)
    cns = CNS([remembering], auto_cleanup_contexts=True)
    kept = begin(cns, Journal(unwritable=5), start.create_signal(5))
    dropped = begin(cns, journal := Journal(), start.create_signal(1))

    assert len(kept.get_failed_tasks()) == 1
    assert kept.get_context().get_all() == {remembering: 5}
    assert dropped.get_context().get_all() == {}
    assert journal.lines[0] == "first -> [1] ['first'] last"


async def test_a_failed_last_write_ends_the_run_with_its_error() -> None:
    journal = Journal(waits=True)
    run = begin(CNS([neuron({})]), journal, start.create_signal(1))

    run.halt(OSError("the disk is full"))
    with pytest.raises(OSError, match="the disk is full"):
        await run

    assert journal.lines == ["ended: NoneType", "finished"]


async def test_a_write_that_arrives_after_a_halt_changes_nothing() -> None:
    journal = Journal(waits=True)
    run = begin(chain(), journal, start.create_signal(1))

    run.halt(OSError("gone"))
    journal.writes[0].arrive()
    with pytest.raises(OSError, match="gone"):
        await run

    assert journal.lines == ["first -> [2] []", "ended: OSError", "finished"]
    assert [task.neuron.label for task in run.get_outstanding_tasks()] == ["second"]


async def test_a_failure_of_a_recorded_run_is_logged_by_its_name(caplog: pytest.LogCaptureFixture) -> None:
    begin(chain(), Journal(unwritable=2), start.create_signal(1))
    for _ in range(4):
        await asyncio.sleep(0)

    assert "run 'run', which nobody awaits, failed" in caplog.text


@pytest.mark.parametrize("kind", ["sync", "async", "thread"])
async def test_the_record_of_an_activation_has_its_id_and_when_it_started(kind: str) -> None:
    seen: list[Any] = []

    def look(payload: int, axon: object, ctx: Any) -> None:
        seen.append((ctx.activation_id, ctx.get()))

    async def look_later(payload: int, axon: object, ctx: Any) -> None:
        await asyncio.sleep(0)
        look(payload, axon, ctx)

    handler: Any = look_later if kind == "async" else look
    journal = Journal()
    cns = CNS([neuron({}).dendrite(start, handler, in_thread=kind == "thread")])
    await begin(cns, journal, start.create_signal(1))

    assert seen == [("run:0", None)]
    assert journal.records[0].touched
    assert journal.records[0].started > 0


@pytest.mark.parametrize("kind", ["sync", "async", "thread"])
async def test_the_record_of_an_activation_is_here_while_its_handler_runs(kind: str) -> None:
    seen: list[TaskRecord | None] = []
    journal = Journal()
    journal.here = ContextVar("here", default=None)

    def look(*_: object) -> None:
        assert journal.here is not None
        seen.append(journal.here.get())

    async def look_later(payload: int) -> None:
        look()
        await asyncio.sleep(0)
        look()

    handler: Any = look_later if kind == "async" else look
    cns = CNS([neuron({}).dendrite(start, handler, in_thread=kind == "thread") for _ in range(2)])
    await begin(cns, journal, start.create_signal(1), on_response=look)
    look()

    listeners = [one for one in seen if one is None]
    handlers = [one for one in seen if one is not None]
    assert len(listeners) == 4  # of the entry and of two activations, and this test itself
    assert sorted(one.id for one in handlers) == sorted(["run:0", "run:1"] * (1 + (kind == "async")))


def test_the_record_of_a_handler_that_leaves_the_context_alone_is_untouched() -> None:
    journal = Journal()

    begin(chain(), journal, start.create_signal(1))

    assert [record.touched for record in journal.records] == [False, False]


async def test_a_recorded_run_takes_no_tasks_from_outside() -> None:
    cns = chain()
    run = begin(cns, journal := Journal(waits=True), start.create_signal(1))

    with pytest.raises(CNSError, match="emit a signal from a handler"):
        run.enqueue_tasks([ActivationTask(cns.neurons[0], start, start.create_signal(1))])

    assert len(journal.lines) == 1
    run.halt(OSError())
    run.get_failed_tasks()


def test_a_resumed_run_takes_over_failures_and_hop_counts() -> None:
    cns, error = chain(), ValueError("of the first attempt")
    signal = start.create_signal(1)
    subscriber = cns.find_subscriber(cns.neurons[0], start)
    assert subscriber is not None
    run = Stimulation(cns, StimulationOptions(max_neuron_hops=3, attempt_number=2))
    run.prepare()
    run.restore([(Activation(subscriber, signal), error)], {cns.neurons[0]: 3})

    cns.start_tasks(run, [Activation(subscriber, signal)])

    assert run.attempt_number == 2
    assert [str(failure.error) for failure in run.get_failed_tasks()] == [
        "of the first attempt",
        "neuron first reached max_neuron_hops=3 in this run",
    ]


async def test_who_drives_a_body_is_known_from_its_first_step_on() -> None:
    seen: list[bool] = []

    async def look(payload: int, axon: object, ctx: Any) -> None:
        for _ in range(2):
            seen.append(ctx.stimulation.is_driven_by(asyncio.current_task()))
            await asyncio.sleep(0)

    run = CNS([neuron({}).dendrite(start, look)]).stimulate(start.create_signal(1))
    outside = run.is_driven_by(asyncio.current_task())
    tasks = run.bodies()
    await run

    assert seen == [True, True]
    assert not outside
    assert len(tasks) == 1


async def test_waiting_quietly_is_not_asking_for_the_outcome(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(payload: int) -> None:
        await asyncio.sleep(0)
        raise ValueError

    run = CNS([neuron({}).dendrite(start, fail)]).stimulate(start.create_signal(1))
    await run.wait_quietly()
    await run.wait_quietly()
    for _ in range(4):
        await asyncio.sleep(0)

    assert "which nobody awaits, failed" in caplog.text


# ---- transactions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "coroutine"])
@pytest.mark.parametrize("max_duration", [None, 5.0])
async def test_a_transactional_handler_runs_inside_its_transaction(kind: str, max_duration: float | None) -> None:
    def write(number: int, axon: Any, ctx: Any) -> None:
        ctx.connection.append(f"wrote {number}")

    async def write_later(number: int, axon: Any, ctx: Any) -> None:
        write(number, axon, ctx)

    one = neuron({}, name="writer", max_duration=max_duration if kind == "coroutine" else None)
    one.dendrite(start, write if kind == "plain" else write_later, transactional=True)
    journal = Journal()

    await begin(CNS([one]), journal, start.create_signal(7))

    assert journal.lines == ["begin", "wrote 7", "writer -> [] [] last", "ended: NoneType", "finished"]


def test_a_plain_transactional_handler_cannot_be_stopped() -> None:
    one = neuron({}, name="writer", max_duration=1.0)

    with pytest.raises(GraphError, match="plain function, which cannot be stopped"):
        one.dendrite(start, lambda number, axon, ctx: None, transactional=True)
