"""Having a graph make spans and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import MeterProvider, get_meter_provider
from opentelemetry.trace import TracerProvider, get_tracer_provider

from cnstra.otel.activations import Activations
from cnstra.otel.attempts import Attempts
from cnstra.otel.numbers import Instruments

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

    Each attempt of a run is a span, and each activation one below it, which is the current one while its handler runs.
    An attempt belongs to the trace that `with_context` has put into the run's metadata; else it begins one of its own.

    Args:
        cns: The graph.
        registry: Gives neurons and collaterals their stored names; without one they have their labels.
        tracer_provider: Instead of the global one.
        meter_provider: Instead of the global one.

    Returns:
        A function that undoes it; calling it again is harmless. Spans that are open then are ended with their runs no
        more.
    """
    tracer = (tracer_provider or get_tracer_provider()).get_tracer(_SCOPE)
    instruments = Instruments((meter_provider or get_meter_provider()).get_meter(_SCOPE))
    attempts = Attempts(tracer, instruments)
    activations = Activations(tracer, instruments, attempts, registry)
    unwrap = cns.wrap_handlers(activations.around)
    remove = cns.add_drain_listener(attempts.drained)

    def undo() -> None:
        unwrap()
        remove()

    return undo
