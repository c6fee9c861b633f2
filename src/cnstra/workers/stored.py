"""Runs of jobs in a run store: the broker delivers, the store remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from time import time
from typing import TYPE_CHECKING, Any, Final, final

from cnstra.durable.fitness import Fitness
from cnstra.errors import (
    CNSError,
    Fenced,
    GraphError,
    PayloadError,
    PersistenceError,
    RunExists,
    RunNotReady,
    StimulationAborted,
    StoreError,
)
from cnstra.persist.codec import make_strictness
from cnstra.persist.records import ErrorRecord
from cnstra.workers.contexts import job_context
from cnstra.workers.deliveries import Dead, Done, Outcome, Retry
from cnstra.workers.judging import GIVEN_BACK, LISTENER_FAILED, Judge

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.core.stimulation import Stimulation
    from cnstra.durable.handles import DurableRun
    from cnstra.durable.runner import DurableRunner
    from cnstra.durable.views import RunInfo, SignalInfo
    from cnstra.persist.records import AttemptRecord
    from cnstra.persist.registry import CNSPersistOptionsRegistry
    from cnstra.workers.assignments import Assignment
    from cnstra.workers.policy import RetryPolicy
    from cnstra.workers.running import Started

__all__ = ["StoredJobs"]

_POISON: Final = "PoisonRun"
"""The class of the error of a run that was given up since it has killed its workers; a store writes the same."""

_LOOKS: Final = 5
"""How often a run may change under our eyes before the delivery goes back to the broker."""

_FIRST_PAUSE: Final = 0.001
_SOON: Final = 0.5
_LATEST: Final = 30.0


@final
class StoredJobs:
    """Runs jobs as runs of a `DurableRunner`, each under the id of its job.

    Args:
        runner: Runs them; it need not be open yet.
        policy: When a failed run is started again.
        random: For the delays.
    """

    def __init__(self, runner: DurableRunner, policy: RetryPolicy, random: Random) -> None:
        self._runner = runner
        self._judge = Judge(policy, random)
        self._same = make_strictness().same
        runner.use_context(job_context)

    @property
    def cns(self) -> CNS[Any]:
        """The graph."""
        return self._runner.cns

    @property
    def registry(self) -> CNSPersistOptionsRegistry:
        """Its names."""
        return self._runner.registry

    async def run(self, assignment: Assignment, started: Started) -> Outcome:
        """Start, resume or join the run of a job; see `JobRuns`."""
        try:
            for _ in range(_LOOKS):
                outcome = await self._start(assignment, started) or await self._go_on(assignment, started)
                if outcome is not None:
                    return outcome
        except Fenced as error:
            return Retry(self._judge.spread(_SOON), str(error), error=error)
        except StoreError as error:
            return Retry(self._judge_of(assignment).delay(1), str(error), error=error)
        except (PersistenceError, GraphError) as error:  # it is not the job's fault
            return Retry(self._judge.spread(_LATEST), f"this worker cannot run it: {error}", error=error)
        return Retry(self._judge.spread(_SOON), "the run changes hands too fast")

    def drop(self, run: Stimulation, lost: Exception) -> None:
        """Let it go on: its lease says who has it, and the delivery that comes next finds it under way, or done."""

    def _judge_of(self, assignment: Assignment) -> Judge:
        return self._judge.under(assignment.delivery.policy)

    # ---- beginning -------------------------------------------------------------------------------------------

    async def _start(self, assignment: Assignment, started: Started) -> Outcome | None:
        """Start the run; ``None`` if the store knows it."""
        job = assignment.job
        try:
            run = await self._runner.stimulate(
                assignment.signal,
                stimulation_id=assignment.stimulation_id,
                on_conflict="raise",
                durability=job.durability,
                volume=job.volume,
                concurrency=job.concurrency,
                max_neuron_hops=job.max_neuron_hops,
                modality=assignment.modality,
                afferent_path=assignment.afferent_path,
                metadata=job.metadata,
            )
        except RunExists:
            return None
        except CNSError:
            raise
        except Exception as error:  # noqa: BLE001 - the factory of its context has raised it; the store has it as failed
            return self._judge_of(assignment).failed(1, error)
        return await self._end(run, 0, started, self._judge_of(assignment))

    async def _go_on(self, assignment: Assignment, started: Started) -> Outcome | None:
        """Do what there is to do about a run that the store knows; ``None`` if it has changed meanwhile."""
        info = await self._runner.get(assignment.stimulation_id)
        if info is None:
            return None  # it was deleted just now
        if not self._is_of(info, assignment):
            return Dead(
                f"run {info.stimulation_id!r} is another one: it was started with something else than this job; "
                "give each job an id of its own"
            )
        if info.status == "completed":
            return Done(info.attempt_number, repeated=True)
        judge = self._judge_of(assignment)
        attempts = await self._runner.attempts(info.stimulation_id)
        spared = sum(one.status == "interrupted" for one in attempts)
        run = self._under_way(info)
        if run is None:
            outcome = _given_up(info, judge.policy) or await self._bury(info, attempts, judge.policy)
            if outcome is not None:
                return outcome
            try:
                run = await self._runner.retry(info.stimulation_id)
            except RunNotReady as refusal:
                return await self._refused(refusal, spared, judge)
        return await self._end(run, spared, started, judge)

    def _under_way(self, info: RunInfo) -> DurableRun | None:
        """Return the run if it is under way here: this runner has recovered it, or has it by another delivery."""
        mine = (run for run in self._runner.active_runs if run.stimulation_id == info.stimulation_id)
        return next(mine, None) if info.status == "running" else None

    def _is_of(self, info: RunInfo, assignment: Assignment) -> bool:
        """Whether a stored run is that of the job: an id that is used twice must not swallow the second job."""
        signal, job = assignment.signal, assignment.job
        stored: SignalInfo | None = info.entry[0] if len(info.entry) == 1 else None
        if stored is None or self.registry.get_collateral(stored.collateral_name) is not signal.collateral:
            return False
        if stored.version != job.payload_version or stored.payload == job.payload:
            return True  # versions differ after a deploy between two deliveries; they do not compare
        try:
            payload = self.registry.load_payload(signal.collateral, stored.version, stored.payload)
        except PayloadError:
            return True  # what is wrong with the stored run is told when it is resumed
        return self._same(payload, signal.payload)

    # ---- giving up -------------------------------------------------------------------------------------------

    async def _bury(self, info: RunInfo, attempts: Sequence[AttemptRecord], policy: RetryPolicy) -> Outcome | None:
        """Write a run off that has killed its workers once too often."""
        losses, most = _losses(attempts), policy.max_losses
        if info.status != "running" or most is None or losses <= most:
            return None
        text = f"its worker died {losses} times in a row, and no hop was committed in between"
        buried = await self._runner.store.settle(
            self._runner.scope, info.stimulation_id, "failed", dead=(), error=ErrorRecord(_POISON, text)
        )
        if buried:
            return Dead(f"{text}; see to the cause, then call retry({info.stimulation_id!r})")
        return await self._held(info)

    async def _refused(self, refusal: RunNotReady, spared: int, judge: Judge) -> Outcome | None:
        """Return what becomes of a delivery whose run could not be taken; ``None`` to look again."""
        info = await self._runner.get(refusal.stimulation_id)
        if info is None or info.status == "completed" or self._under_way(info) is not None:
            return None
        if info.status == "running" and info.owner != self._runner.worker_id:
            return await self._held(info)
        if info.status == "failed" and not info.outstanding:
            return Dead(LISTENER_FAILED, refusal)
        state = await self._runner.store.peek(self._runner.scope, info.stimulation_id)
        misfits = [] if state is None else Fitness(self.cns, self.registry).misfits(state)
        if misfits and misfits[0].is_for_newer_code:
            return Retry(judge.delay(info.attempt_number), f"this code cannot resume the run: {misfits[0]}")
        if misfits:
            return Dead(f"this code cannot resume the run: {misfits[0]}", refusal)
        return judge.failed(info.attempt_number - spared, refusal)

    async def _held(self, info: RunInfo) -> Retry:
        """Return a retry for when another worker's run may be over, or its lease.

        A short run is asked for again soon and a long one rarely: brokers that count deliveries give up at some number.
        """
        now = time()  # if the clocks of worker and store differ, so does the delay, and no more than that
        lasts = [now - one.started_at for one in await self._runner.attempts(info.stimulation_id)]
        lease = [one.lease_until - now for one in await self._runner.workers() if one.worker_id == info.owner]
        after = max(_SOON, min([_LATEST, *lasts[-1:], *lease]))
        return Retry(self._judge.spread(after), f"worker {info.owner} has the run")

    # ---- ending ----------------------------------------------------------------------------------------------

    async def _end(self, run: DurableRun, spared: int, started: Started, judge: Judge) -> Outcome:
        """Wait for the end of a run that is under way here, and say what becomes of the delivery.

        Raises:
            StoreError: If this worker has lost the run.
        """
        if run.stimulation is None:
            return GIVEN_BACK
        started(run.stimulation, run.attempt_number)
        outcome = await judge.end(run.stimulation, run.attempt_number - spared)
        if outcome is GIVEN_BACK:
            await self._until_free(run.stimulation_id)
        return outcome or Done(run.attempt_number)

    async def _until_free(self, stimulation_id: str) -> None:
        """Wait for the write that gives a run back, which may still be on its way if its handlers were cut short.

        The job would come back before the run is free otherwise.
        """
        pause = _FIRST_PAUSE
        with suppress(CNSError):  # the lease will tell
            while pause < _SOON:
                record = await self._runner.store.get(self._runner.scope, stimulation_id)
                if record is None or record.owner != self._runner.worker_id:
                    return
                await asyncio.sleep(pause)
                pause *= 2


def _given_up(info: RunInfo, policy: RetryPolicy) -> Outcome | None:
    """Return the end of a job whose run is to be left as it is, unless somebody retries it by hand."""
    error = info.error
    if info.status == "failed" and error is not None and error.type_name == _POISON:
        return Dead(f"{error.message}; see to the cause, then call retry({info.stimulation_id!r})")
    if info.status == "aborted" and not policy.resume_aborted and _is_by_request(error):
        reason = f": {error.message}" if error is not None and error.message else ""
        return Dead(f"the run was aborted{reason}; retry({info.stimulation_id!r}) goes on with it")
    return None


def _losses(attempts: Sequence[AttemptRecord]) -> int:
    """Return how many attempts were lost in a row, up to the latest, with no hop committed.

    One that was given back does not count, and does not break the row.
    """
    losses = 0
    for attempt in reversed(attempts):
        if attempt.hop_count or attempt.status not in {"lost", "running", "interrupted"}:
            break
        losses += attempt.status != "interrupted"
    return losses


def _is_by_request(error: ErrorRecord | None) -> bool:
    """Whether an abort is somebody's will, and not a handler's that raised what stops a run."""
    return error is None or error.type_name == StimulationAborted.__qualname__
