"""A graph whose second neuron may take its process with it; as a program, it runs that once and dies."""

import asyncio
import os
import sys
from typing import Any

from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, collateral, create_persist_registry, neuron
from cnstra.otel import instrument

started = collateral(str, name="started")


def graph(*, deadly: bool) -> tuple[CNS[Any], CNSPersistOptionsRegistry]:
    """Return it; *deadly*: it dies in the second neuron."""
    first, second = neuron({"passed": collateral(str)}, name="first"), neuron({}, name="second")
    first.dendrite(started, lambda word, axon: axon.passed.create_signal(word))
    second.dendrite(first.axon["passed"], lambda word: os._exit(9) if deadly else None)
    registry = create_persist_registry({"first": first, "second": second})
    return CNS([first, second]), registry.register_collateral("started", started)


class _Telling(SpanProcessor):
    """Says of each span where it belongs, as soon as it begins."""

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        parent = "-" if span.parent is None else f"{span.parent.span_id:016x}"
        sys.stdout.write(f"{span.name} {span.context.trace_id:032x} {parent}\n")
        sys.stdout.flush()  # before the process dies


async def _run_once(url: str) -> None:
    cns, registry = graph(deadly=True)
    tracers = TracerProvider()
    tracers.add_span_processor(_Telling())
    instrument(cns, registry, tracer_provider=tracers)
    async with DurableRunner(cns, registry, url) as runner:
        await (await runner.stimulate(started.create_signal("a"), stimulation_id="import-7"))


if __name__ == "__main__":
    asyncio.run(_run_once(sys.argv[1]))
