"""The state of one run: what waits, what runs, what has failed, and how much of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cnstra.core.context import CNSStimulationContextStore
from cnstra.core.lazily import running_loop
from cnstra.core.signals import Signal
from cnstra.core.subscribers import INPUTLESS, Activation, Subscriber
from cnstra.core.tasks import TaskFailure
from cnstra.errors import EventLoopRequired, StimulationAborted

if TYPE_CHECKING:
    import asyncio
    from contextvars import Context, ContextVar

    from cnstra.core.abort import AbortController
    from cnstra.core.cns import CNS
    from cnstra.core.forgetting import ContextCleaner
    from cnstra.core.neurons import Neuron
    from cnstra.core.options import StimulationOptions
    from cnstra.core.recording import Recorder
    from cnstra.core.responding import Hold
    from cnstra.core.subscribers import TaskRecord

__all__ = ["Frontier"]


class Frontier:
    """Everything that is known of a run, and what can be asked of it at any instant."""

    __slots__ = (
        "__weakref__",
        "_abort_reason",
        "_aborted",
        "_active",
        "_adoptable",
        "_adopted",
        "_cleaner",
        "_cns",
        "_context",
        "_context_values",
        "_controller",
        "_current",
        "_current_signal",
        "_done",
        "_ending",
        "_failures",
        "_gated",
        "_groups",
        "_halted",
        "_held",
        "_here",
        "_holds",
        "_hop_counts",
        "_hops",
        "_listener_errors",
        "_loop",
        "_observed",
        "_options",
        "_outcome",
        "_pumping",
        "_queue",
        "_ready",
        "_recorder",
        "_remove_abort_callback",
        "_reserved",
        "_slotted",
        "_stop",
        "_subscribers_of",
        "_token",
        "_told",
        "_waiters",
        "_watched",
    )

    # Set when the run begins to be watched. Of an array of signals that is being dispatched: the successors of each
    # signal, how many signals were told of, the successors that may start, and how many there are in all.
    _groups: Sequence[list[Activation]]
    _told: int
    _ready: list[Activation]
    _reserved: int
    _held: int
    _hop_counts: dict[Neuron[Any], int] | None
    _listener_errors: list[Exception] | None
    _cleaner: ContextCleaner | None

    def __init__(self, cns: CNS[Any], options: StimulationOptions) -> None:
        self._cns = cns
        self._options = options
        self._subscribers_of = cns.table.get
        self._queue: deque[Any] = deque()  # pairs of subscriber and signal; activations once the run is watched
        self._watched = False
        self._pumping = True  # a turn is under way; until `begin` has run the first, nothing else may start one
        self._stop = False
        self._done = False
        self._ending = False
        self._current: Subscriber | Activation | None = None
        self._current_signal: Signal[Any] | None = None
        self._hops = 0
        self._active: dict[Activation, Any] = {}
        self._gated: dict[Activation, None] | None = None  # waiting for a slot of their neuron
        self._slotted: deque[Activation] | None = None  # of these, what has got one and can start
        self._token: list[None] | None = None  # see `_claim`
        self._holds: dict[Hold, None] | None = None
        self._failures: list[TaskFailure] | None = None
        self._context_values = options.ctx
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context: Context | None = None
        self._aborted = False
        self._halted: BaseException | None = None
        self._adoptable: asyncio.Task[None] | None = None  # a worker that can await one more body itself
        self._adopted: tuple[Activation, Any] | None = None
        self._observed = False
        self._waiters: list[Any] | None = None
        self._recorder: Recorder | None = None
        self._here: ContextVar[TaskRecord | None] | None = None  # the recorder's
        self._controller: AbortController | None = None
        self._abort_reason: object = None
        self._outcome: BaseException | None = None
        self._remove_abort_callback: Any = None

    @property
    def stimulation_id(self) -> str | None:
        """The id of a durable run; ``None`` for a run in memory."""
        return None if self._recorder is None else self._recorder.stimulation_id

    @property
    def _pending(self) -> int:
        """Activations whose body has not started; while an array is being dispatched, at least one."""
        pending = len(self._queue)
        if self._gated is not None:
            pending += len(self._gated)
        if self._watched:
            pending += self._held + self._reserved
            if pending == 0 and self._told + 1 < len(self._groups) and not self._active:
                return 1
        return pending

    def _waiting_activations(self) -> list[Activation]:
        """Everything that has not started, in the order in which it would."""
        waiting: list[Activation] = []
        if self._gated is not None:
            waiting.extend(self._gated)
        if self._watched:
            waiting.extend(self._queue)
            waiting.extend(self._ready)
            for group in self._groups[self._told :]:
                waiting.extend(group)
        else:
            waiting.extend(Activation(subscriber, signal) for subscriber, signal in self._queue)
        for hold in self._holds or ():
            waiting.extend(hold.activations)
        return waiting

    def _running_activations(self) -> list[Activation]:
        """Everything whose body has started and not settled."""
        running = list(self._active)
        if isinstance(self._current, Activation):
            running.insert(0, self._current)
        elif self._current is not None:
            running.insert(0, Activation(self._current, self._current_signal))
        return running

    def _context_store(self) -> Any:
        """The store of context values, made when it is first needed."""
        if self._context_values is None:
            self._context_values = CNSStimulationContextStore()
        return self._context_values

    def _enqueue_plain(self, signal: Signal[Any]) -> None:
        target = self._subscribers_of(signal._collateral)
        if isinstance(target, Subscriber):
            self._queue.append((target, signal))
        elif target is not None:
            self._queue.extend([(subscriber, signal) for subscriber in target])

    def _activations_of(self, signal: Signal[Any] | None) -> list[Activation]:
        target = None if signal is None else self._subscribers_of(signal._collateral)
        if target is None:
            return []
        if isinstance(target, Subscriber):
            return [Activation(target, signal)]
        return [Activation(subscriber, signal) for subscriber in target]

    def _queued(self, activations: Iterable[Activation]) -> Iterable[Any]:
        """Return *activations* as the loop of this run takes them."""
        if self._watched:
            return activations
        return [(one.subscriber, INPUTLESS if one.signal is None else one.signal) for one in activations]

    def _put_back(self, activations: Sequence[Activation]) -> None:
        """Let *activations* be the next to start, in their order."""
        self._queue.extendleft(reversed([*self._queued(activations)]))

    def _give_slot_back(self, activation: Activation) -> None:
        if activation.holds_slot:
            activation.holds_slot = False
            limit = activation.subscriber.limit
            if limit is not None:
                limit.leave()

    def _fail(self, activation: Activation, error: BaseException, *, aborted: bool = False) -> None:
        if self._failures is None:
            self._failures = []
        if self._aborted and isinstance(error, StimulationAborted):  # a handler that has asked its abort signal
            aborted = True
        self._failures.append(TaskFailure(activation.task, error, aborted))

    def _noted(self, error: Exception, activation: Activation) -> Exception:
        self._note(error, activation.subscriber, self._hops)
        return error

    def _note(self, error: BaseException, subscriber: Subscriber, hop: int) -> None:
        with suppress(Exception):  # of an exception class that takes no notes
            error.add_note(f"in {subscriber.describe()}, hop {hop}")

    def _need_loop(self, what: str, awaitable: Any = None) -> None:
        """Bind the run to the running event loop.

        Raises:
            EventLoopRequired: If none is running; *awaitable* is closed then.
        """
        if self._bind_loop() is None:
            if hasattr(awaitable, "close"):
                awaitable.close()
            raise EventLoopRequired(what)

    def _bind_loop(self) -> asyncio.AbstractEventLoop | None:
        if self._loop is None:
            self._loop = running_loop()
            if self._loop is not None and self._context is None:
                self._capture_context()
        return self._loop

    def _capture_context(self) -> None:
        from contextvars import copy_context

        self._context = copy_context()
