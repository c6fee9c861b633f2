"""Runs of jobs without a run store: the job itself keeps its progress, as with the TypeScript original."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Final, final

from cnstra.core.options import StimulationOptions
from cnstra.core.stimulation import Stimulation
from cnstra.errors import Fenced, PayloadError, UnknownName
from cnstra.persist.serializer import Progress, ProgressSerializer
from cnstra.workers.contexts import job_context
from cnstra.workers.deliveries import Dead, Done, Outcome, Retry
from cnstra.workers.judging import GIVEN_BACK, Judge
from cnstra.workers.saving import ProgressWriter
from cnstra.workers.stopping import cut_short
from cnstra.workers.wire import from_wire, is_progress

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.core.neurons import Neuron
    from cnstra.persist.registry import CNSPersistOptionsRegistry
    from cnstra.workers.assignments import Assignment
    from cnstra.workers.policy import RetryPolicy
    from cnstra.workers.running import Started

__all__ = ["CheckpointedJobs"]

logger = logging.getLogger("cnstra")

_FENCED: Final = "another delivery has the job"


@final
@dataclass(frozen=True, slots=True)
class Saved:
    """What earlier starts of a job have left.

    Attributes:
        progress: What is to be done, and the context values; ``None`` if no start has left anything.
        hops: How often neurons were activated, where the job limits that.
        attempt: The latest start that has saved anything.
        spared: How many starts were given back, which are not held against the job.
    """

    progress: Progress | None = None
    hops: Mapping[Neuron[Any], int] = field(default_factory=dict)
    attempt: int = 0
    spared: int = 0


@final
class CheckpointedJobs:
    """Runs jobs in memory, and keeps their progress in `Delivery.checkpoint`, hop by hop.

    No successor starts before the progress has been saved that shows it, so a job that is delivered again goes on where
    it was. What is saved is the whole of what is left to do, each time: for runs that fan out into thousands of tasks
    take a run store. The last hop is not saved: the broker's acknowledgement is its commit.

    A delivery without a checkpoint runs all the same, and starts over when it is delivered again.

    Args:
        cns: The graph.
        registry: The names of its neurons and collaterals.
        policy: When a failed run is started again; ``Delivery.attempt`` counts.
        random: For the delays.
    """

    def __init__(self, cns: CNS[Any], registry: CNSPersistOptionsRegistry, policy: RetryPolicy, random: Random) -> None:
        self.cns = cns
        self.registry = registry
        self._judge = Judge(policy, random)
        self._writers: dict[Stimulation, ProgressWriter] = {}
        self._serializer = ProgressSerializer(registry)

    async def run(self, assignment: Assignment, started: Started) -> Outcome:
        """Start or resume the run of a job; see `JobRuns`."""
        attempt = assignment.delivery.attempt or 1
        judge = self._judge.under(assignment.delivery.policy)
        try:
            saved = await self._load(assignment)
        except UnknownName as error:
            return Retry(judge.delay(attempt), f"this code cannot resume the run: {error}", error=error)
        except PayloadError as error:
            return Dead(f"this code cannot resume the run: {error}", error)
        except Exception as error:  # noqa: BLE001 - a broker's client may raise anything
            return Retry(judge.delay(1), f"the progress of the job could not be read: {error}", error=error)
        if saved.progress is not None and not saved.progress.tasks:
            return Done(attempt, repeated=True)
        losses, most = attempt - 1 - saved.attempt, judge.policy.max_losses
        if most is not None and losses > most:
            return Dead(f"its worker died {losses} times in a row, and no hop was committed in between")
        return await self._run(assignment, attempt, saved, started, judge)

    def drop(self, run: Stimulation, lost: Exception) -> None:
        """Stop a run at once whose delivery was lost, and save nothing more of it."""
        writer = self._writers.get(run)
        if writer is not None:
            writer.drop(lost)
        cut_short(run, lost)

    async def _load(self, assignment: Assignment) -> Saved:
        checkpoint = assignment.delivery.checkpoint
        data = None if checkpoint is None else await checkpoint.load()
        if not is_progress(data):
            return Saved()
        hops = {self.registry.require_neuron(name): count for name, count in _object(data, "hops").items()}
        progress = self._serializer.hydrate(from_wire(data))
        return Saved(progress, hops, _count(data, "attempt"), _count(data, "spared"))

    async def _run(self, assignment: Assignment, attempt: int, saved: Saved, started: Started, judge: Judge) -> Outcome:
        checkpoint = assignment.delivery.checkpoint
        writer = None
        if checkpoint is not None:
            writer = ProgressWriter(checkpoint, self.registry, attempt=attempt, spared=saved.spared, hops=saved.hops)
        run = self._start(assignment, attempt, saved, writer)
        if writer is not None:
            self._writers[run] = writer
        started(run, attempt)
        try:
            outcome = await _end(run, attempt, saved.spared, judge)
        finally:
            self._writers.pop(run, None)
        if writer is None or isinstance(outcome, Done):
            return outcome
        return await _after_save(writer, run, outcome)

    def _start(self, assignment: Assignment, attempt: int, saved: Saved, writer: ProgressWriter | None) -> Stimulation:
        job = assignment.job
        options = StimulationOptions(
            on_response=None if writer is None else writer.listen,
            ctx=None if saved.progress is None else saved.progress.ctx,
            concurrency=job.concurrency,
            max_neuron_hops=job.max_neuron_hops,
            modality=assignment.modality,
            afferent_path=assignment.afferent_path,
            stimulation_context=job_context(assignment.stimulation_id, job.metadata, attempt),
            metadata=job.metadata,
            attempt_number=attempt,
        )
        run = Stimulation(self.cns, options)
        if saved.progress is None:
            return self.cns.start(run, assignment.signal)
        run.prepare()
        run.restore((), saved.hops)
        return self.cns.start_tasks(run, self.cns.activations_of(saved.progress.tasks))


async def _end(run: Stimulation, attempt: int, spared: int, judge: Judge) -> Outcome:
    try:
        outcome = await judge.end(run, attempt - spared)
    except Fenced as error:
        return Retry(0.0, _FENCED, error=error)
    except PayloadError as error:  # a handler has emitted what cannot be saved
        return judge.failed(attempt - spared, error)
    except Exception as error:  # noqa: BLE001 - what has kept the progress from being saved
        return Retry(judge.delay(1), f"the progress of the job could not be saved: {error}", error=error)
    return outcome or Done(attempt)


async def _after_save(writer: ProgressWriter, run: Stimulation, outcome: Outcome) -> Outcome:
    """Save what a run has left that is not complete; failing to do so does not hide why it is not."""
    if writer.problem is not None:
        return outcome
    try:
        await writer.finish(run, given_back=outcome is GIVEN_BACK)
    except Fenced as error:
        return Retry(0.0, _FENCED, error=error)
    except Exception:
        logger.exception("the progress of a job could not be saved at its end; what was saved before stays")
    return outcome


def _object(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key, {})
    if not isinstance(value, Mapping):
        raise PayloadError("stored progress", f"$.{key}", f"this must be an object, not {value!r}")
    return value


def _count(data: Mapping[str, Any], key: str) -> int:
    value = data.get(key, 0)
    return value if type(value) is int else 0
