import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from opentelemetry.trace import TracerProvider as TracerProviderOfAnybody

from cnstra import (
    CNS,
    CNSPersistOptionsRegistry,
    DurableRunner,
    HandlerContext,
    MemoryStore,
    RetryPolicy,
    StimulationAborted,
    StimulationFailed,
    collateral,
    create_persist_registry,
    neuron,
)
from cnstra.otel import carried, instrument, with_context

started = collateral(str, name="started")


class Telemetry:
    """Keeps the spans and numbers of instrumented graphs."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(sampler=sampler)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider(metric_readers=[self.reader])

    def instrument(self, cns: CNS[Any], registry: CNSPersistOptionsRegistry | None = None) -> Callable[[], None]:
        return instrument(cns, registry, tracer_provider=self.tracers, meter_provider=self.meters)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def points(self, name: str) -> dict[tuple[Any, ...], Any]:
        """Return the values of an instrument by its attributes."""
        data = self.reader.get_metrics_data()
        assert data is not None
        metrics = [one for place in data.resource_metrics for scope in place.scope_metrics for one in scope.metrics]
        found = [point for metric in metrics if metric.name == name for point in metric.data.data_points]
        return {
            tuple(sorted((point.attributes or {}).items())): getattr(point, "value", getattr(point, "count", None))
            for point in found
        }


class PlainTracer(Tracer):
    """A tracer that has what every tracer has, and no more."""

    def __init__(self, inner: Tracer) -> None:
        self._inner = inner

    def start_span(self, *args: Any, **options: Any) -> Any:
        return self._inner.start_span(*args, **options)

    def start_as_current_span(self, *args: Any, **options: Any) -> Any:
        return self._inner.start_as_current_span(*args, **options)


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


def line(first: Any, second: Any) -> tuple[CNS[Any], CNSPersistOptionsRegistry]:
    """Return a graph of two neurons, one after the other."""
    one, other = neuron({"passed": collateral(str)}, name="one"), neuron({}, name="other")
    one.dendrite(started, first)
    other.dendrite(one.axon["passed"], second)
    registry = create_persist_registry({"firstNeuron": one, "secondNeuron": other})
    registry.register_collateral("runStarted", started)
    return CNS([one, other]), registry


def pass_on(word: str, axon: Any) -> Any:
    return axon.passed.create_signal(word)


async def pass_on_later(word: str, axon: Any) -> Any:
    await asyncio.sleep(0)
    return axon.passed.create_signal(word)


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


@pytest.mark.parametrize("first", [pass_on, pass_on_later])
async def test_a_run_is_a_span_its_attempt_one_below_it_and_each_activation_one_below_that(
    first: Any, telemetry: Telemetry
) -> None:
    cns, registry = line(first, lambda word: None)
    telemetry.instrument(cns, registry)
    async with DurableRunner(cns, registry, MemoryStore()) as runner:
        await (await runner.stimulate(started.create_signal("a"), stimulation_id="import-7"))
        info = await runner.get("import-7")

    [run], [attempt], [one], [other] = map(telemetry.named, ("run", "attempt", "firstNeuron", "secondNeuron"))
    told = {"cnstra.stimulation_id": "import-7", "cnstra.outcome": "completed"}
    assert dict(run.attributes or {}) == {**told, "cnstra.attempts": 1}
    assert dict(attempt.attributes or {}) == {**told, "cnstra.attempt_number": 1}
    assert info is not None
    assert (run.start_time, parent_of(run)) == (int(info.created_at * 1e9), None)
    assert parent_of(attempt) == run.context.span_id
    assert parent_of(one) == parent_of(other) == attempt.context.span_id
    assert dict(one.attributes or {}) == {
        "cnstra.neuron": "firstNeuron",
        "cnstra.collateral": "runStarted",
        "cnstra.activation_id": "import-7:0",
        "cnstra.attempt_number": 1,
    }


async def test_every_attempt_belongs_to_the_trace_that_enqueued_the_run(telemetry: Telemetry) -> None:
    def fail_once(word: str, axon: Any, ctx: HandlerContext[Any, Any]) -> None:
        if ctx.attempt_number == 1:
            raise ValueError(word)

    cns, registry = line(fail_once, lambda word: None)
    telemetry.instrument(cns, registry)
    tracer = telemetry.tracers.get_tracer("tests")
    async with DurableRunner(cns, registry, MemoryStore()) as runner:
        with tracer.start_as_current_span("request") as request:
            metadata = with_context({"tenant": "north"})
        run = await runner.enqueue(started.create_signal("a"), stimulation_id="a", metadata=metadata)
        with pytest.raises(StimulationFailed):
            await run
        await (await runner.retry("a"))
        info = await runner.get("a")

    runs, attempts = telemetry.named("run"), telemetry.named("attempt")
    assert [(one.attributes or {})["cnstra.attempt_number"] for one in attempts] == [1, 2]
    assert [(one.attributes or {})["cnstra.outcome"] for one in runs] == ["failed", "completed"]
    assert {parent_of(one) for one in runs} == {request.get_span_context().span_id}
    assert {one.kind for one in runs} == {SpanKind.CONSUMER}
    assert {parent_of(one) for one in attempts} == {one.context.span_id for one in runs}
    assert {one.context.trace_id for one in telemetry.spans} == {request.get_span_context().trace_id}
    assert info is not None
    assert info.metadata["tenant"] == "north"


async def test_a_run_that_is_tried_again_by_its_policy_is_one_span_over_its_attempts(telemetry: Telemetry) -> None:
    def fail_once(word: str, axon: Any, ctx: HandlerContext[Any, Any]) -> None:
        if ctx.attempt_number == 1:
            raise ValueError(word)

    cns, registry = line(fail_once, lambda word: None)
    telemetry.instrument(cns, registry)
    policy = RetryPolicy(max_attempts=2, first_delay=0.001)
    async with DurableRunner(cns, registry, MemoryStore()) as runner:
        await (await runner.enqueue(started.create_signal("a"), stimulation_id="a", retry=policy))

    [run] = telemetry.named("run")
    assert dict(run.attributes or {}) == {
        "cnstra.stimulation_id": "a",
        "cnstra.outcome": "completed",
        "cnstra.attempts": 2,
    }
    assert run.status.status_code is StatusCode.UNSET
    assert [parent_of(one) for one in telemetry.named("attempt")] == [run.context.span_id] * 2


async def test_a_run_that_is_given_back_has_no_end_yet(telemetry: Telemetry) -> None:
    async def hang(word: str) -> None:
        held.set()
        await asyncio.Event().wait()

    held = asyncio.Event()
    cns, registry = line(hang, lambda word: None)
    telemetry.instrument(cns, registry)
    async with DurableRunner(cns, registry, MemoryStore(), grace=0.01) as runner:
        await runner.stimulate(started.create_signal("a"))
        await held.wait()

    assert telemetry.named("run") == []


async def test_a_run_that_is_not_sampled_has_no_span_at_all() -> None:
    telemetry = Telemetry(sampler=ALWAYS_OFF)
    cns, registry = line(pass_on, lambda word: None)
    telemetry.instrument(cns, registry)

    async with DurableRunner(cns, registry, MemoryStore()) as runner:
        await (await runner.stimulate(started.create_signal("a")))

    assert telemetry.spans == []


async def test_a_share_of_the_runs_is_sampled_as_a_whole() -> None:
    telemetry = Telemetry(sampler=ParentBased(TraceIdRatioBased(0.5)))
    cns, registry = line(pass_on, lambda word: None)
    telemetry.instrument(cns, registry)

    async with DurableRunner(cns, registry, MemoryStore()) as runner:
        for _ in range(40):
            await (await runner.stimulate(started.create_signal("a")))

    whole = [one.context.trace_id for one in telemetry.named("run")]
    assert 0 < len(whole) < 40  # fails once in 10 ** 12 times
    for name in ("attempt", "firstNeuron", "secondNeuron"):
        assert [one.context.trace_id for one in telemetry.named(name)] == whole


async def test_without_a_tracer_that_takes_ids_the_attempts_are_in_the_trace_of_who_enqueued(
    telemetry: Telemetry,
) -> None:
    class Plain(TracerProviderOfAnybody):
        def get_tracer(self, *args: Any, **options: Any) -> Tracer:
            return PlainTracer(telemetry.tracers.get_tracer("plain"))

    cns, registry = line(pass_on, lambda word: None)
    instrument(cns, registry, tracer_provider=Plain())
    with telemetry.tracers.get_tracer("tests").start_as_current_span("request") as request:
        metadata = with_context()
    async with DurableRunner(cns, registry, MemoryStore()) as runner:
        await (await runner.stimulate(started.create_signal("a"), metadata=metadata))

    [attempt] = telemetry.named("attempt")
    assert parent_of(attempt) == request.get_span_context().span_id
    assert telemetry.named("run") == []


async def test_the_span_is_the_current_one_in_the_handler_and_what_it_awaits(telemetry: Telemetry) -> None:
    async def handler(word: str, axon: Any) -> Any:
        before = trace.get_current_span().get_span_context().span_id
        await asyncio.sleep(0)
        seen.extend([before, trace.get_current_span().get_span_context().span_id])
        return axon.passed.create_signal(word)

    seen: list[int] = []
    cns, _ = line(handler, lambda word: seen.append(trace.get_current_span().get_span_context().span_id))
    telemetry.instrument(cns)

    await cns.stimulate(started.create_signal("a"))

    ids = [one.context.span_id for name in ("one", "other") for one in telemetry.named(name) if one.context]
    assert seen == [ids[0], ids[0], ids[1]]
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_failure_is_recorded_on_its_span_and_its_run(asynchronous: bool, telemetry: Telemetry) -> None:  # noqa: FBT001 - a parameter of the test
    def fail(word: str) -> None:
        raise ValueError("no")

    async def fail_later(word: str) -> None:
        fail(word)

    cns, _ = line(fail_later if asynchronous else fail, lambda word: None)
    telemetry.instrument(cns)

    with pytest.raises(StimulationFailed):
        await cns.stimulate(started.create_signal("a"))

    [run], [one] = telemetry.named("run"), telemetry.named("one")
    assert (one.status.status_code, one.events[0].name) == (StatusCode.ERROR, "exception")
    assert run.status.status_code is StatusCode.ERROR
    assert run.status.description == "1 failed task"
    assert (run.attributes or {})["cnstra.outcome"] == "failed"


async def test_an_aborted_run_is_no_error(telemetry: Telemetry) -> None:
    def stop(word: str, axon: Any, ctx: HandlerContext[Any, Any]) -> Any:
        ctx.stimulation.abort("enough")
        return axon.passed.create_signal(word)

    cns, _ = line(stop, lambda word: None)
    telemetry.instrument(cns)

    with pytest.raises(StimulationAborted):
        await cns.stimulate(started.create_signal("a"))

    [run] = telemetry.named("run")
    assert (run.attributes or {})["cnstra.outcome"] == "aborted"
    assert run.status.status_code is StatusCode.UNSET


def test_runs_and_activations_are_counted(telemetry: Telemetry) -> None:
    def refuse(word: str) -> None:
        if word == "bad":
            raise ValueError(word)

    cns, _ = line(pass_on, refuse)
    telemetry.instrument(cns)

    for word in ("good", "bad", "good"):
        cns.stimulate(started.create_signal(word)).get_failed_tasks()

    assert telemetry.points("cnstra.attempts.active") == {(): 0}
    assert telemetry.points("cnstra.attempts") == {
        (("cnstra.outcome", "completed"),): 2,
        (("cnstra.outcome", "failed"),): 1,
    }
    durations = telemetry.points("cnstra.activation.duration")
    assert {(key[1][1], key[2][1]): count for key, count in durations.items()} == {
        ("one", "done"): 3,
        ("other", "done"): 2,
        ("other", "failed"): 1,
    }


def test_it_can_be_undone(telemetry: Telemetry) -> None:
    cns, _ = line(pass_on, lambda word: None)
    undo = telemetry.instrument(cns)

    undo()
    undo()
    cns.stimulate(started.create_signal("a"))

    assert telemetry.spans == []
    assert (cns.wrappers, cns.drain_listeners) == ((), ())


def test_without_a_trace_at_hand_nothing_is_carried() -> None:
    assert with_context({"tenant": "north"}) == {"tenant": "north"}
    assert with_context() == {}
    assert carried({}) is None


@pytest.mark.parametrize("damaged", [7, None, [], {"traceparent": 7}, {"traceparent": "no"}, {7: "x"}])
def test_a_damaged_context_begins_a_trace_of_its_own(damaged: Any) -> None:
    context = carried({"otel": damaged})

    assert not trace.get_current_span(context).get_span_context().is_valid
