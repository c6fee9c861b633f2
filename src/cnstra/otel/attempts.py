"""A span for each attempt of a durable run, and for each run in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, final
from weakref import WeakKeyDictionary

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context

from cnstra.otel.carrying import carried

if TYPE_CHECKING:
    from cnstra.core.responses import Drain
    from cnstra.core.stimulation import Stimulation
    from cnstra.otel.numbers import Instruments
    from cnstra.otel.runs import Runs

__all__ = ["Attempts"]


@final
class Attempts:
    """The spans of the attempts that are under way: each begins with its first activation, and ends with its run."""

    def __init__(self, tracer: Tracer, instruments: Instruments, runs: Runs) -> None:
        self._tracer = tracer
        self._runs = runs
        self._instruments = instruments
        self._open: WeakKeyDictionary[Stimulation, Span] = WeakKeyDictionary()

    def context_of(self, run: Stimulation) -> Context:
        """Return the context that activations of *run* belong to; its span begins, if it has not yet."""
        return set_span_in_context(self._open.get(run) or self._begin(run))

    def drained(self, drain: Drain) -> None:
        """End the span of a run that ends with this turn."""
        if not drain.finished:
            return
        span = self._open.pop(drain.stimulation, None)
        if span is None:
            return
        failures = drain.stimulation.get_failed_tasks()
        aborted = drain.pending_activations > 0 or any(one.aborted for one in failures)
        outcome = "aborted" if aborted else "failed" if failures else "completed"
        span.set_attribute("cnstra.outcome", outcome)
        if failures and not aborted:
            span.set_status(StatusCode.ERROR, f"{len(failures)} failed task{'s' * (len(failures) != 1)}")
        span.end()
        self._instruments.attempt_ended(outcome)

    def _begin(self, run: Stimulation) -> Span:
        recorder = run.recorder
        whole = None if recorder is None else self._runs.belonging(run, recorder)
        parent = whole or carried(run.options.metadata)
        attributes: dict[str, str | int] = {"cnstra.attempt_number": run.attempt_number}
        if run.stimulation_id is not None:
            attributes["cnstra.stimulation_id"] = run.stimulation_id
        name = "run" if recorder is None else "attempt"
        kind = SpanKind.INTERNAL if whole is not None or parent is None else SpanKind.CONSUMER
        span = self._open[run] = self._tracer.start_span(name, context=parent, kind=kind, attributes=attributes)
        self._instruments.attempt_began()
        return span
