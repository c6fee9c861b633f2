"""The latest runs of a graph, hop by hop, as a document for a person or an assistant."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, final
from weakref import WeakKeyDictionary

from cnstra.core.neurons import positive_int
from cnstra.graphs.markdown import code_span, plain_text

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.core.responses import Response
    from cnstra.core.signals import Signal
    from cnstra.core.stimulation import Stimulation
    from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["HistoryLogger"]


@dataclass(slots=True)
class _Run:
    title: str
    started_at: float
    entries: list[str] = field(default_factory=list)
    hops: deque[str] = field(default_factory=deque)
    passed_over: int = 0
    is_over: bool = False


@final
class HistoryLogger:
    """Keeps the latest runs of a graph while it is there, and shows them as Markdown; payloads are not kept.

    ```python
    with HistoryLogger(cns, registry) as history:
        await cns.stimulate(signal)
        print(history.dump())
    ```

    Args:
        cns: The graph.
        registry: Gives its parts their stored names; without one they have their labels.
        max_runs: How many runs are kept, the latest.
        max_hops: How many hops of each run are kept, the latest.

    Raises:
        GraphError: If a limit is not a whole number of 1 or more.
    """

    def __init__(
        self,
        cns: CNS[Any],
        registry: CNSPersistOptionsRegistry | None = None,
        *,
        max_runs: int = 100,
        max_hops: int = 1000,
    ) -> None:
        self._registry = registry
        self._runs: deque[_Run] = deque(maxlen=positive_int(max_runs, "max_runs"))
        self._max_hops = positive_int(max_hops, "max_hops")
        self._by_stimulation: WeakKeyDictionary[Stimulation, _Run] = WeakKeyDictionary()
        self._count = 0
        self._remove = cns.add_response_listener(self._hear)

    def stop(self) -> None:
        """Listen no more; what was heard is kept."""
        self._remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def dump(self) -> str:
        """Return the runs as Markdown, the latest first."""
        lines = ["# CNS history", ""]
        if not self._runs:
            lines.append("No run yet.")
        for run in reversed(self._runs):
            lines += _lines_of(run)
        return "\n".join(lines).rstrip() + "\n"

    def _hear(self, response: Response) -> None:
        run = self._by_stimulation.get(response.stimulation) or self._begin(response.stimulation)
        if response.neuron is None and response.input_signal is None:
            run.entries.append(self._collateral(response.output_signal))
        else:
            if len(run.hops) == self._max_hops:
                run.hops.popleft()
                run.passed_over += 1
            run.hops.append(self._hop(response))
        run.is_over = response.finished

    def _begin(self, stimulation: Stimulation) -> _Run:
        self._count += 1
        title = f"Run {self._count}"
        if stimulation.stimulation_id is not None:
            title = f"{title}: {code_span(stimulation.stimulation_id)}, attempt {stimulation.attempt_number}"
        run = self._by_stimulation[stimulation] = _Run(title, time())
        self._runs.append(run)
        return run

    def _hop(self, response: Response) -> str:
        neuron = response.neuron
        name = "a dendrite that is not there" if neuron is None else neuron.label
        if neuron is not None and self._registry is not None:
            name = self._registry.get_neuron_name(neuron) or name
        begin = f"{code_span(name)} on {self._collateral(response.input_signal)}"
        if response.error is not None:
            return f"{begin} failed: {plain_text(f'{type(response.error).__name__}: {response.error}')}"
        if response.output_signal is None:
            return f"{begin} → nothing"
        return f"{begin} → {self._collateral(response.output_signal)}"

    def _collateral(self, signal: Signal[Any] | None) -> str:
        if signal is None:
            return "no signal"
        name = None if self._registry is None else self._registry.get_collateral_name(signal.collateral)
        return code_span(name or signal.collateral.label)


def _lines_of(run: _Run) -> Iterator[str]:
    began = datetime.fromtimestamp(run.started_at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    yield from (f"## {run.title}", "")
    origin = f"by {', '.join(run.entries)}" if run.entries else "from tasks"
    yield from (f"Started {origin} at {began}; {'over' if run.is_over else 'under way, or stopped'}.", "")
    if run.passed_over:
        yield f"- ({run.passed_over} earlier hops)"
    yield from (f"- {hop}" for hop in run.hops)
    yield ""
