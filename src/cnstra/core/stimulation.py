"""A run of a graph, as its caller sees it."""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cnstra.core.abort import AbortController, AbortSignal
from cnstra.core.context import CNSStimulationContextStore
from cnstra.core.lazily import bodies, logger, running_loop
from cnstra.core.tasks import ActivationTask, TaskFailure
from cnstra.core.turns import Turns
from cnstra.errors import CNSError, RunFinished, StimulationAborted, StimulationFailed

if TYPE_CHECKING:
    import asyncio
    from contextvars import Context

    from cnstra.core.cns import CNS
    from cnstra.core.context import ContextStore
    from cnstra.core.neurons import Neuron
    from cnstra.core.options import StimulationOptions
    from cnstra.core.recording import Recorder
    from cnstra.core.subscribers import Activation

__all__ = ["Stimulation"]


class Stimulation(Turns):
    """One run: started by `CNS.stimulate` or `CNS.activate`, ended when nothing is left; ``await`` it for its end."""

    __slots__ = ()

    @property
    def cns(self) -> CNS[Any]:
        """The graph that runs."""
        return self._cns

    @property
    def options(self) -> StimulationOptions:
        """What the run was started with."""
        return self._options

    @property
    def done(self) -> bool:
        """Whether the run has ended, in whatever way."""
        return self._done

    @property
    def recorder(self) -> Recorder | None:
        """What sees this run for a durable layer; ``None`` for a run in memory."""
        return self._recorder

    @property
    def attempt_number(self) -> int:
        """Which start or resume of a durable run this is, from 1."""
        return self._options.attempt_number

    @property
    def hop_count(self) -> int:
        """How many activations have settled (or, for a synchronous body, been called) so far."""
        return self._hops

    @property
    def abort_signal(self) -> AbortSignal:
        """The caller's abort signal; if none was given, one that `abort` raises."""
        if self._options.abort_signal is not None:
            return self._options.abort_signal
        if self._controller is None:
            self._controller = AbortController()
            if self._aborted:
                self._controller.abort(self._abort_reason)
        return self._controller.signal

    def __await__(self) -> Generator[Any, Any, None]:
        self._observed = True
        if not self._done:
            if self._waiters is None:
                self._waiters = []
            yield from bodies().wait(self._waiters, lambda: self._done).__await__()
        self._raise_outcome()

    def wait_until_complete(self) -> Coroutine[Any, Any, None]:
        """Return a coroutine of the run's end; the run itself can be awaited, too.

        Cancelling it does not cancel the run.

        Raises:
            StimulationFailed: When awaited, if tasks or listeners failed.
            StimulationAborted: When awaited, if the run was stopped before its work was done.
        """
        self._observed = True  # now, since a task made of the coroutine starts only in the event loop's next round
        return self._wait()

    async def _wait(self) -> None:
        await self

    def observe(self) -> None:
        """Count as awaited: somebody else tells of a failure."""
        self._observed = True

    def get_all_activation_tasks(self) -> list[ActivationTask]:
        """Return what is not settled: first what runs, then what waits, in the order in which it will start."""
        return [one.task for one in (*self._running_activations(), *self._waiting_activations())]

    def get_failed_tasks(self) -> list[TaskFailure]:
        """Return what failed, and what an abort kept from starting, in the order in which it happened."""
        if self._done:
            self._observed = True
        return list(self._failures or ())

    def get_outstanding_tasks(self) -> list[ActivationTask]:
        """Return the frontier: everything that `CNS.activate` must be given to finish this run."""
        return self.get_all_activation_tasks() + [failure.task for failure in self._failures or ()]

    def get_context(self) -> ContextStore:
        """Return the store of the neurons' values: the caller's, if one was given."""
        store: ContextStore = self._context_store()
        return store

    def enqueue_tasks(self, tasks: Iterable[ActivationTask | TaskFailure]) -> None:
        """Add activations to a run that is under way.

        Raises:
            RunFinished: If the run has ended.
            CNSError: If the run is durable: what it runs must be stored first.
        """
        if self._done or self._ending:
            raise RunFinished
        if self._recorder is not None:
            raise CNSError("a durable run takes no tasks from outside: emit a signal from a handler instead")
        activations = self._cns.activations_of(tasks)
        if self._watched and self._cleaner is not None:
            for activation in activations:
                self._cleaner.enter(activation.subscriber.neuron)
        self._turn(activations)

    def abort(self, reason: object = None) -> None:
        """Start nothing more; what is active may finish. Safe from any thread and from signal handlers.

        What never starts becomes an aborted task, and the run raises `StimulationAborted`; if nothing was left undone,
        the run is complete.
        """
        if self._done or self._aborted:
            return
        self._abort_reason = reason
        self._aborted = True
        self._stop = True
        if self._controller is not None:
            self._controller.abort(reason)
        if self._loop is not None:
            bodies().wake_soon(self._loop, self._after_abort)
        else:
            self._after_abort()

    def __repr__(self) -> str:
        state = "done" if self._done else f"{self._pending} pending, {len(self._active)} active"
        return f"<Stimulation {state}>"

    # ---- starting --------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Get ready for listeners and limits, if there are any, and for an abort signal."""
        options, cns = self._options, self._cns
        if isinstance(options.ctx, CNSStimulationContextStore):
            options.ctx.adopt(cns.neurons)
        if (
            options.on_response is not None
            or options.max_neuron_hops is not None
            or options.concurrency is not None
            or cns.response_listeners
            or cns.auto_cleanup_contexts
            or self._recorder is not None
        ):
            self.watch()
        signal = options.abort_signal
        if signal is not None:
            self._bind_loop()
            self._remove_abort_callback = signal.add_callback(lambda: self.abort(signal.reason))

    def watch(self) -> None:
        """Change to the loop that serves listeners, limits and recorders."""
        self._watch()
        if self._bind_loop() is None and self._cns.has_asynchronous_listener(self._options.on_response):
            self._need_loop("a response listener")

    def attach(self, recorder: Recorder) -> None:
        """Let *recorder* see this run, which has not started yet."""
        self._recorder = recorder
        self._here = recorder.here

    def restore(self, failed: Iterable[tuple[Activation, Exception]], hop_counts: Mapping[Neuron[Any], int]) -> None:
        """Take over what an earlier attempt left: failures that are not retried, and how often neurons were activated.

        Called between `prepare` and the start.
        """
        for activation, error in failed:
            self._fail(activation, error)
            if self._watched and self._cleaner is not None:
                self._cleaner.enter(activation.subscriber.neuron)
        if self._watched and self._hop_counts is not None:
            self._hop_counts.update(hop_counts)

    # ---- what a durable runner asks --------------------------------------------------------------------------

    def bodies(self) -> list[asyncio.Task[Any]]:
        """Return the tasks that drive the active bodies."""
        return [task for task in self._active.values() if task is not None]

    def is_driven_by(self, task: asyncio.Task[Any] | None) -> bool:
        """Whether *task* drives a body of this run."""
        return task is not None and task in self._active.values()

    async def wait_quietly(self) -> None:
        """Return when the run has ended, in whatever way; that does not count as asking for its outcome."""
        if not self._done:
            if self._waiters is None:
                self._waiters = []
            await bodies().wait(self._waiters, lambda: self._done)

    # ---- what the worker and the limits call -----------------------------------------------------------------

    def loop_and_context(self) -> tuple[asyncio.AbstractEventLoop, Context]:
        """Return what the run is bound to once it has met an awaitable."""
        assert self._loop is not None  # noqa: S101 - for the type checker
        assert self._context is not None  # noqa: S101 - for the type checker
        return self._loop, self._context

    def invoke(self, activation: Activation) -> Any:
        """Call the handler of *activation*."""
        return self._invoke(activation)

    def interrupt(self, activation: Activation, error: BaseException, *, opened: bool) -> None:
        """Stop the run because a body raised what must not be swallowed; *opened*: the turn is the worker's."""
        self._interrupt(activation, error)
        if opened or self._claim():
            self._close_turn()

    def keep(self, activation: Activation, task: asyncio.Task[None]) -> None:
        """Hold a reference to the task that drives *activation*: event loops do not."""
        if activation in self._active:
            self._active[activation] = task

    def leave_slot_to(self, activation: Activation, future: asyncio.Future[Any]) -> None:
        """Give the slot of *activation* back only when *future* is done, and let nobody miss what it raises."""
        limit = activation.subscriber.limit if activation.holds_slot else None
        activation.holds_slot = False

        def ended(done: asyncio.Future[Any]) -> None:
            if limit is not None:
                limit.leave()
            if not done.cancelled() and done.exception() is not None:
                logger().warning("%s raised after its time-out: %r", activation.subscriber.describe(), done.exception())

        future.add_done_callback(ended)

    def add_listener_error(self, error: Exception) -> None:
        """Remember what a listener raised; the run raises it at its end."""
        self._add_listener_error(error)

    # ---- the end ---------------------------------------------------------------------------------------------

    def _after_abort(self) -> None:
        if not self._done and not self._ending and self._is_over():
            self._turn(())

    def _end(self) -> None:
        self._ending = True
        self._outcome = self._conclude()
        if self._recorder is not None:
            ticket = self._recorder.ended(self._outcome)
            if ticket is not None and not self._halted:
                ticket.add_waiter(self._finish)
                return
        self._finish()

    def _conclude(self) -> BaseException | None:
        """Decide how the run ended; what an abort left undone becomes failed tasks."""
        for limit in {activation.subscriber.limit for activation in self._gated or ()}:
            if limit is not None:
                limit.withdraw(self)
        if self._halted is not None:
            return self._halted
        undone = self._waiting_activations()
        failed = self._failed_outcome()
        if not undone and not (self._aborted and self._failures):
            return failed
        outcome = StimulationAborted(self._abort_reason)
        outcome.__cause__ = failed
        for activation in undone:
            self._fail(activation, outcome, aborted=True)
        self._queue.clear()
        self._gated = None
        return outcome

    def _failed_outcome(self) -> StimulationFailed | None:
        tasks = [one.error for one in self._failures or () if isinstance(one.error, Exception) and not one.aborted]
        listeners = self._listener_errors or [] if self._watched else []
        if not tasks and not listeners:
            return None
        parts = [f"{len(tasks)} failed task{'s' * (len(tasks) != 1)}"] if tasks else []
        if listeners:
            parts.append(f"{len(listeners)} failed listener{'s' * (len(listeners) != 1)}")
        return StimulationFailed(f"Stimulation completed with {' and '.join(parts)}", [*tasks, *listeners])

    def halt(self, error: BaseException) -> None:
        """Stop the run for good; one whose last write was on its way, and has failed, ends now."""
        last_write_failed = self._ending and not self._done
        super().halt(error)
        if last_write_failed and not self._done:
            self._outcome = error
            self._finish()

    def _finish(self) -> None:
        if self._done:
            return
        self._done = True
        self._cns.forget(self)
        if self._remove_abort_callback is not None:
            self._remove_abort_callback()
        if self._recorder is not None:
            self._recorder.finished()
        if self._waiters:
            bodies().wake(self._waiters)
        if self._outcome is not None and not self._observed:
            self._report_unobserved()

    def _report_unobserved(self) -> None:
        """Log a failure that nobody asks for; whoever awaits it by the event loop's next round has asked."""
        if isinstance(self._outcome, StimulationAborted) and self._outcome.__cause__ is None:
            return
        if self._watched and self._has_listeners():
            return
        loop = running_loop()
        if loop is None:
            self.log_if_unobserved()
        else:
            bodies().tell_later(loop, self.log_if_unobserved)

    def log_if_unobserved(self) -> None:
        """Log the failure of a run that has ended, unless somebody has asked for it."""
        if not self._observed:
            self._observed = True
            name = "" if self._recorder is None else f" {self._recorder.stimulation_id!r}"
            logger().error("run%s, which nobody awaits, failed", name, exc_info=self._outcome)

    def _raise_outcome(self) -> None:
        if self._outcome is None:
            return
        if self._outcome is self._halted:
            raise self._outcome  # with the traceback that tells where it came from
        raise self._outcome.with_traceback(None)
