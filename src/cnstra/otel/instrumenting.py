"""Having a graph make spans and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import MeterProvider, get_meter_provider
from opentelemetry.trace import Tracer, TracerProvider, get_tracer_provider

from cnstra.otel.activations import Activations
from cnstra.otel.attempts import Attempts
from cnstra.otel.numbers import Instruments
from cnstra.otel.runs import Runs

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["instrument"]

_SCOPE = "cnstra"


def instrument(
    cns: CNS[Any],
    registry: CNSPersistOptionsRegistry | None = None,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
) -> Callable[[], None]:
    """Have every run of *cns* make spans and metrics.

    A run is a span, with one below it for each attempt of a durable run, and below that one for each activation, which
    is the current one while its handler runs. A durable run belongs to the trace that `with_context` has put into its
    metadata; else it begins one of its own. Its span is written by the process that sees it end.

    Args:
        cns: The graph.
        registry: Gives neurons and collaterals their stored names; without one they have their labels.
        tracer_provider: Instead of the global one.
        meter_provider: Instead of the global one.

    Returns:
        A function that undoes it; calling it again is harmless. Spans that are open then are ended with their runs no
        more.
    """

    def find_tracer() -> Tracer:
        return (tracer_provider or get_tracer_provider()).get_tracer(_SCOPE)

    tracer = find_tracer()
    instruments = Instruments((meter_provider or get_meter_provider()).get_meter(_SCOPE))
    attempts = Attempts(tracer, instruments, Runs(find_tracer))
    activations = Activations(tracer, instruments, attempts, registry)
    unwrap = cns.wrap_handlers(activations.around)
    remove = cns.add_drain_listener(attempts.drained)

    def undo() -> None:
        unwrap()
        remove()

    return undo
