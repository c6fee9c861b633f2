"""Handling a delivery: everything about running a job that is not the broker's."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Final, assert_never, final

from cnstra.durable.arguments import seconds, whole
from cnstra.durable.ending import SHUTDOWN
from cnstra.durable.runner import DurableRunner
from cnstra.errors import (
    CNSError,
    Fenced,
    GraphError,
    PayloadError,
    StimulationAborted,
    StimulationFailed,
    UnknownName,
)
from cnstra.workers.assignments import MAX_JOB_BYTES, Assignment, assignment_of
from cnstra.workers.checkpoints import CheckpointedJobs
from cnstra.workers.deliveries import Dead, Delivery, Done, Outcome, Retry
from cnstra.workers.judging import GIVEN_BACK
from cnstra.workers.policy import DEFAULT_POLICY, RetryPolicy
from cnstra.workers.reporting import KeepAlive, OnProgress, Reporter, keep_alive
from cnstra.workers.stopping import cut_short
from cnstra.workers.stored import StoredJobs

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.core.responses import Response
    from cnstra.core.stimulation import Stimulation
    from cnstra.persist.registry import CNSPersistOptionsRegistry
    from cnstra.workers.running import JobRuns

__all__ = ["JobHandler"]

logger = logging.getLogger("cnstra")

_NO_MORE: Final = Retry(0.0, "this worker takes no more jobs")


@final
@dataclass(slots=True, eq=False)
class InHand:
    """A delivery that is being handled.

    Attributes:
        delivery: It.
        runs: Runs in memory that it waits for, or has waited for, and the number of their attempt.
        is_lost: Whether the broker has taken it away.
    """

    delivery: Delivery
    runs: list[tuple[Stimulation, int]] = field(default_factory=list)
    is_lost: bool = False


@final
class JobHandler:
    """Runs jobs that a broker delivers, each under the id of its job, and says what to do with each delivery.

    ```python
    async with runner:
        outcome = await handler.handle(Delivery(message.id, message.body))
    ```

    A job may be delivered any number of times, to several workers at once: its run has one owner, and what it has
    committed is not done again. One handler serves all deliveries of a worker.

    Args:
        runner: Runs the jobs and stores what they do. Make the handler before it is opened, so that the runs that it
            recovers have a ``ctx.stimulation_context`` too. ``None`` runs them in memory, with their progress in
            `Delivery.checkpoint`; then give *cns* and *registry*.
        cns: The graph, without a runner.
        registry: Its names, without a runner.
        policy: When a failed run is started again.
        max_job_bytes: The largest job that is run.
        on_progress: Told how far a run has got, after hops; it may return an awaitable. The run does not wait for it.
        keep_alive: Called every *keep_alive_every* seconds while a delivery is being worked on, to tell the broker so.
        keep_alive_every: Seconds.
        grace: Seconds that handlers get to settle when their delivery is cancelled, or given back.
        random: For the delays.

    Raises:
        GraphError: If an option makes no sense.
    """

    def __init__(
        self,
        runner: DurableRunner | None = None,
        *,
        cns: CNS[Any] | None = None,
        registry: CNSPersistOptionsRegistry | None = None,
        policy: RetryPolicy = DEFAULT_POLICY,
        max_job_bytes: int = MAX_JOB_BYTES,
        on_progress: OnProgress | None = None,
        keep_alive: KeepAlive | None = None,
        keep_alive_every: float = 10.0,
        grace: float = 10.0,
        random: Random | None = None,
    ) -> None:
        chance = random or Random()  # noqa: S311 - delays need no cryptography
        self._runs = _runs_of(runner, cns, registry, policy, chance)
        self._max_job_bytes = whole(max_job_bytes, "max_job_bytes", 1)
        self._on_progress = on_progress
        self._keep_alive = keep_alive
        self._keep_alive_every = seconds(keep_alive_every, "keep_alive_every")
        self._grace = seconds(grace, "grace", least=0)
        self._takes_jobs = True
        self._gives_back = False
        self._in_hand: dict[asyncio.Task[Any], InHand] = {}
        self._waiting: Counter[Stimulation] = Counter()
        self._reporters: dict[Stimulation, list[Reporter]] = {}
        self._unlisten: Callable[[], None] | None = None
        self._winding_down: set[asyncio.Task[None]] = set()

    # ---- one delivery ----------------------------------------------------------------------------------------

    async def handle(self, delivery: Delivery) -> Outcome:
        """Run the job of *delivery*, from where it was left, and return what the broker is to do with it.

        It raises nothing for what is wrong with a job, a run or a store. Cancelling it gives the run back, unless
        another delivery waits for it here: what is active may settle, and whoever gets the job next goes on.

        Raises:
            CNSError: If the runner is not open.
        """
        if not self._takes_jobs:
            return _NO_MORE
        try:
            assignment = assignment_of(delivery, self._runs.registry, self._max_job_bytes)
        except (PayloadError, UnknownName) as error:
            outcome: Outcome = Dead(str(error), error)
            _log(delivery.job_id, outcome)
            return outcome
        with self._in_hands(delivery) as held:
            outcome = await self._run(assignment, held)
        _log(assignment.stimulation_id, outcome)
        return outcome

    def drop(self, delivery: Delivery) -> None:
        """Let go of a delivery at once that the broker has taken away, since its lock is lost or its time is over.

        The task that awaits `handle` is cancelled, so that nothing is answered. Without a run store the handlers are
        cancelled without grace, and no more progress is saved. With one the run goes on: its lease says who has it,
        and the delivery that comes next finds it under way, or done.

        Args:
            delivery: The same object that `handle` was called with; once that has returned, this does nothing.
        """
        for task, held in list(self._in_hand.items()):
            if held.delivery is delivery:
                held.is_lost = True
                for run, attempt_number in held.runs:
                    self._runs.drop(run, Fenced(delivery.job_id or "", attempt_number))
                task.cancel()

    async def _run(self, assignment: Assignment, held: InHand) -> Outcome:
        mine: list[tuple[Stimulation, Reporter | None]] = []

        def started(run: Stimulation, attempt_number: int) -> None:
            self._waiting[run] += 1
            held.runs.append((run, attempt_number))
            mine.append((run, self._report(assignment, run, attempt_number)))
            if self._gives_back:
                self._let_go(run)

        try:
            return await self._runs.run(assignment, started)
        except asyncio.CancelledError:
            if not held.is_lost:
                for run, _ in mine:
                    self._let_go(run)
            raise
        except CNSError:
            if self._takes_jobs:
                raise
            return GIVEN_BACK  # the runner was closed meanwhile
        finally:
            for run, reporter in mine:
                await self._forget(run, reporter)

    def _report(self, assignment: Assignment, run: Stimulation, attempt_number: int) -> Reporter | None:
        if self._on_progress is None:
            return None
        reporter = Reporter(assignment.delivery, assignment.stimulation_id, attempt_number, self._on_progress)
        self._reporters.setdefault(run, []).append(reporter)
        if self._unlisten is None:
            self._unlisten = self._runs.cns.add_response_listener(self._hear)
        return reporter

    async def _forget(self, run: Stimulation, reporter: Reporter | None) -> None:
        self._waiting[run] -= 1
        if not self._waiting[run]:
            del self._waiting[run]
        if reporter is not None:
            reporters = self._reporters[run]
            reporters.remove(reporter)
            if not reporters:
                del self._reporters[run]
            if not self._reporters and self._unlisten is not None:
                self._unlisten()
                self._unlisten = None
            await reporter.finish()

    def _hear(self, response: Response) -> None:
        for reporter in self._reporters.get(response.stimulation, ()):
            reporter.hear(response)

    @contextmanager
    def _in_hands(self, delivery: Delivery) -> Iterator[InHand]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        alive = None
        if self._keep_alive is not None:
            told = keep_alive(delivery, self._keep_alive, self._keep_alive_every)
            alive = asyncio.create_task(told, name="cnstra-keep-alive")
        self._in_hand[task] = held = InHand(delivery)
        try:
            yield held
        finally:
            del self._in_hand[task]
            if alive is not None:
                alive.cancel()

    # ---- stopping --------------------------------------------------------------------------------------------

    @property
    def takes_jobs(self) -> bool:
        """Whether deliveries are still taken; if not, each is answered with a `Retry` at once."""
        return self._takes_jobs

    @property
    def in_hand(self) -> int:
        """How many deliveries are being handled."""
        return len(self._in_hand)

    def stop_taking(self) -> None:
        """Answer every further delivery with a `Retry` at once; those in hand go on."""
        self._takes_jobs = False

    async def give_back(self, hurry: asyncio.Event | None = None) -> None:
        """Take no more, and give back what is in hand; return when every delivery is answered.

        Active handlers may settle for *grace* seconds, and are cancelled then. Where the runner belongs to the worker,
        close the runner instead, after `stop_taking`: an open runner may take up what was given back.

        Args:
            hurry: Once it is set, nothing is waited for any more.
        """
        self.stop_taking()
        self._gives_back = True
        await asyncio.gather(*(self._give_back(run, hurry) for run in list(self._waiting)))
        while self._in_hand or self._winding_down:
            await asyncio.wait([*self._in_hand, *self._winding_down])

    def _let_go(self, run: Stimulation) -> None:
        """Give a run back whose delivery was cancelled, if no other delivery waits for it."""
        if self._waiting[run] > 1:
            return
        task = asyncio.create_task(self._give_back(run, None), name="cnstra-give-back")
        self._winding_down.add(task)
        task.add_done_callback(self._winding_down.discard)

    async def _give_back(self, run: Stimulation, hurry: asyncio.Event | None) -> None:
        run.abort(SHUTDOWN)
        waits: set[asyncio.Task[Any]] = {asyncio.create_task(run.wait_quietly())}
        if hurry is not None:
            waits.add(asyncio.create_task(hurry.wait()))
        try:
            await asyncio.wait(waits, timeout=self._grace, return_when=asyncio.FIRST_COMPLETED)
            if not run.done:
                cut_short(run, StimulationAborted(SHUTDOWN))
        finally:
            for wait in waits:
                wait.cancel()


def _runs_of(
    runner: DurableRunner | None,
    cns: CNS[Any] | None,
    registry: CNSPersistOptionsRegistry | None,
    policy: RetryPolicy,
    random: Random,
) -> JobRuns:
    if runner is not None:
        if cns is not None or registry is not None:
            raise GraphError("a JobHandler takes a runner, or a cns and a registry, not both")
        return StoredJobs(runner, policy, random)
    if cns is None or registry is None:
        raise GraphError("a JobHandler without a runner needs a cns and a registry")
    return CheckpointedJobs(cns, registry, policy, random)


def _log(job_id: str | None, outcome: Outcome) -> None:
    match outcome:
        case Done():
            logger.debug("job %s is done: %s", job_id, outcome)
        case Retry(is_failure=True):
            logger.warning(
                "job %s failed, and is tried again in %.3g s: %s",
                job_id,
                outcome.after,
                outcome.reason,
                exc_info=outcome.error,
            )
        case Retry():
            logger.info("job %s goes back to the broker for %.3g s: %s", job_id, outcome.after, outcome.reason)
        case Dead():
            failed = isinstance(outcome.error, StimulationFailed)  # only then has a traceback anything to tell
            logger.error("job %s is dead: %s", job_id, outcome.reason, exc_info=outcome.error if failed else None)
        case _:
            assert_never(outcome)
