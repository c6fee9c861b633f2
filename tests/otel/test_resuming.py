import asyncio
import subprocess
import sys
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cnstra import DurableRunner
from cnstra.otel import instrument
from tests.otel.importing import graph


async def test_a_run_whose_first_process_died_is_one_span_over_the_attempts_of_both(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    program = [sys.executable, "-m", "tests.otel.importing", url]
    died = await asyncio.to_thread(subprocess.run, program, capture_output=True, text=True, timeout=60, check=False)
    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    cns, registry = graph(deadly=False)
    instrument(cns, registry, tracer_provider=tracers)

    async with DurableRunner(cns, registry, url) as runner:
        await runner.wait("import-7")
        info = await runner.get("import-7")

    [attempt, _, _] = [line.split() for line in died.stdout.splitlines()]
    second, again, run = exporter.get_finished_spans()
    trace, whole = f"{run.context.trace_id:032x}", f"{run.context.span_id:016x}"
    assert (died.returncode, attempt) == (9, ["attempt", trace, whole])
    assert (second.name, again.name, run.name) == ("second", "attempt", "run")
    assert again.parent is not None
    assert (again.context.trace_id, again.parent.span_id) == (run.context.trace_id, run.context.span_id)
    assert info is not None
    assert (run.start_time, dict(run.attributes or {})["cnstra.attempts"]) == (int(info.created_at * 1e9), 2)
