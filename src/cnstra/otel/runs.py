"""A span for a durable run as a whole, over all its attempts, in whatever processes these were.

No process sees the whole of such a run, and a span is exported by one. So its ids are made of the run's identity: every
attempt knows what to belong to, and whoever sees the run end writes the span, from the moment when the run was stored.
One that is retried after its end ends once more, and its span is written anew, with the same ids.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from time import time_ns
from typing import TYPE_CHECKING, Any, final

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
)

from cnstra.otel.carrying import carried

if TYPE_CHECKING:
    from cnstra.core.recording import Recorder
    from cnstra.core.stimulation import Stimulation

__all__ = ["Runs"]

_NAME = "run"
_NOWHERE = Context()


@final
class Runs:
    """The spans of durable runs.

    They need a tracer whose ids and sampler can be asked, as that of OpenTelemetry's SDK; with another one, attempts
    belong to no span of their run.

    Args:
        find_tracer: Finds the tracer, which may be a better one once a provider is set up.
    """

    def __init__(self, find_tracer: Callable[[], Tracer]) -> None:
        self._find_tracer = find_tracer
        self._tracer: Any = None

    def belonging(self, run: Stimulation, recorder: Recorder) -> Context | None:
        """Return the context of the span that an attempt of *run* is a part of, and see that this span is written.

        Returns:
            ``None`` if there is to be no such span.
        """
        tracer = self._able_tracer()
        if tracer is None:
            return None
        parent = carried(run.options.metadata)
        trace_id, span_id = _ids_of(recorder, parent)
        kind = SpanKind.INTERNAL if parent is None else SpanKind.CONSUMER
        decided = tracer.sampler.should_sample(parent or _NOWHERE, trace_id, _NAME, kind, None, ())
        flags = TraceFlags(TraceFlags.SAMPLED if decided.decision.is_sampled() else TraceFlags.DEFAULT)
        if decided.decision.is_sampled():
            began = min(int(recorder.created_at * 1e9), time_ns())  # the store's clock may be ahead

            def ended(status: str | None) -> None:
                if status is not None:
                    own = copy.copy(tracer)
                    own.id_generator = _GivenIds(trace_id, span_id)
                    _write(own, run, status, parent=parent or _NOWHERE, kind=kind, began=began)

            recorder.follow(ended)
        known = SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags, trace_state=decided.trace_state)
        return set_span_in_context(NonRecordingSpan(known), parent)

    def _able_tracer(self) -> Any:
        if self._tracer is None:
            found = self._find_tracer()
            if hasattr(found, "id_generator") and hasattr(found, "sampler"):
                self._tracer = found
        return self._tracer


@final
class _GivenIds:
    """Gives a span ids that were known before it."""

    def __init__(self, trace_id: int, span_id: int) -> None:
        self._trace_id = trace_id
        self._span_id = span_id

    def generate_trace_id(self) -> int:
        return self._trace_id

    def generate_span_id(self) -> int:
        return self._span_id

    def is_trace_id_random(self) -> bool:
        return True  # a digest is as good as chance to whoever samples by it


def _ids_of(recorder: Recorder, parent: Context | None) -> tuple[int, int]:
    identity = repr((recorder.scope, recorder.stimulation_id, recorder.created_at))
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).digest()
    above = get_current_span(parent).get_span_context() if parent is not None else None
    trace_id = above.trace_id if above is not None and above.is_valid else int.from_bytes(digest[:16], "big")
    return trace_id, int.from_bytes(digest[16:24], "big")


def _write(tracer: Tracer, run: Stimulation, status: str, *, parent: Context, kind: SpanKind, began: int) -> None:
    attributes: dict[str, str | int] = {"cnstra.outcome": status, "cnstra.attempts": run.attempt_number}
    if run.stimulation_id is not None:
        attributes["cnstra.stimulation_id"] = run.stimulation_id
    span = tracer.start_span(_NAME, context=parent, kind=kind, attributes=attributes, start_time=began)
    if status == "failed":
        span.set_status(StatusCode.ERROR)
    span.end()
