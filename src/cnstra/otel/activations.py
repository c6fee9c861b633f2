"""A span for each activation, current while its handler runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, final

from opentelemetry.trace import Span, Tracer, use_span

if TYPE_CHECKING:
    from cnstra.core.context import HandlerContext
    from cnstra.otel.attempts import Attempts
    from cnstra.otel.numbers import Instruments
    from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["Activations"]


@final
class Activations:
    """What is around every handler."""

    def __init__(
        self,
        tracer: Tracer,
        instruments: Instruments,
        attempts: Attempts,
        registry: CNSPersistOptionsRegistry | None,
    ) -> None:
        self._tracer = tracer
        self._instruments = instruments
        self._attempts = attempts
        self._registry = registry

    def around(self, ctx: HandlerContext[Any, Any], call: Callable[[], Any]) -> Any:
        """Call a handler inside a span."""
        neuron, collateral = self._names_of(ctx)
        span = self._tracer.start_span(
            neuron,
            context=self._attempts.context_of(ctx.stimulation),
            attributes={
                "cnstra.neuron": neuron,
                "cnstra.collateral": collateral,
                "cnstra.activation_id": ctx.activation_id,
                "cnstra.attempt_number": ctx.attempt_number,
            },
        )
        began = perf_counter()

        def end(outcome: str) -> None:
            span.end()
            self._instruments.activation_ended(neuron, collateral, outcome, perf_counter() - began)

        try:
            with use_span(span):
                result = call()
        except BaseException:
            end("failed")
            raise
        if hasattr(type(result), "__await__"):
            return _await_within(span, result, end)
        end("done")
        return result

    def _names_of(self, ctx: HandlerContext[Any, Any]) -> tuple[str, str]:
        neuron, collateral = ctx.neuron, ctx.collateral
        if self._registry is None:
            return neuron.label, collateral.label
        return (
            self._registry.get_neuron_name(neuron) or neuron.label,
            self._registry.get_collateral_name(collateral) or collateral.label,
        )


async def _await_within(span: Span, body: Awaitable[Any], end: Callable[[str], None]) -> Any:
    outcome = "failed"
    try:
        with use_span(span):
            result = await body
        outcome = "done"
        return result
    finally:
        end(outcome)
