"""The scheduler of one run: a queue, and a loop that takes from it until nothing can start.

One synchronous stretch of that loop is a *turn*: it begins when a run starts, when an awaitable handler or a listener settles,
when a write is on disk, or when a limit lets a waiter in; and it ends with one drain. The queue is first in, first out, and a
settled activation enqueues all its successors before any of them starts, whoever emitted what, so the order of a run depends on
the graph alone.

There are two loops. The plain one serves a run that nobody watches, and takes pairs of subscriber and signal; it is written for
speed (340 ns a hop on CPython 3.11, where a task object per hop alone costs 90). The watched one takes activations, and serves
listeners, hop limits, run limits, recorders and context clean-up. A run changes from the first to the second, never back.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Sequence
from time import time
from typing import TYPE_CHECKING, Any

from cnstra.core.context import CNSStimulationContextStore, HandlerContext
from cnstra.core.responses import Drain, Response
from cnstra.core.signals import Signal
from cnstra.core.subscribers import ASYNC, GUARDED, Activation, Subscriber
from cnstra.core.tasks import TaskFailure
from cnstra.errors import EventLoopRequired, HandlerReturnError, MaxNeuronHopsExceeded

if TYPE_CHECKING:
    import asyncio
    from contextvars import Context

    from cnstra.core.abort import AbortController
    from cnstra.core.cns import CNS
    from cnstra.core.forgetting import ContextCleaner
    from cnstra.core.neurons import Neuron
    from cnstra.core.options import StimulationOptions
    from cnstra.core.recording import Recorder, Ticket

__all__ = ["Hold", "Turns"]

_NOBODY: list[Activation] = []
_NOT_PLAIN = object()
"""In place of a result: this subscriber is not called by the plain loop itself."""


class Hold:
    """Successors that wait for the listeners of a response, and for its write."""

    __slots__ = ("activations", "run", "tasks", "waits")

    def __init__(self, run: Turns, activations: Sequence[Activation], waits: int) -> None:
        self.run = run
        self.activations = activations
        self.waits = waits
        self.tasks: list[Any] = []  # of the listeners; the event loop itself keeps no strong reference

    def release(self) -> None:
        """One of the things that it waits for has happened."""
        self.waits -= 1
        if self.waits == 0:
            self.run.let_go(self)


class Turns:
    """The state of a run, and everything about it that is synchronous."""

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
        "_told",
        "_waiters",
        "_watched",
    )

    def __init__(self, cns: CNS[Any], options: StimulationOptions) -> None:
        self._cns = cns
        self._options = options
        self._subscribers_of = cns.table.get
        self._queue: deque[Any] = deque()  # pairs of subscriber and signal; activations once the run is watched
        self._watched = False
        self._pumping = False
        self._stop = False
        self._done = False
        self._ending = False
        self._current: Subscriber | Activation | None = None
        self._current_signal: Signal[Any] | None = None
        self._hops = 0
        self._active: dict[Activation, Any] = {}
        self._gated: dict[Activation, None] | None = None  # waiting for a slot of their neuron
        self._slotted: deque[Activation] | None = None  # of these, what has got one in the turn under way
        self._holds: dict[Hold, None] | None = None
        self._failures: list[TaskFailure] | None = None
        self._context_values = options.ctx
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context: Context | None = None
        self._aborted = False
        self._halted: BaseException | None = None
        self._adoptable = False
        self._adopted: tuple[Activation, Any] | None = None
        self._observed = False
        self._waiters: list[Any] | None = None
        self._recorder: Recorder | None = None
        self._controller: AbortController | None = None
        self._abort_reason: object = None
        self._outcome: BaseException | None = None
        self._remove_abort_callback: Any = None

    # ---- counters and the frontier -------------------------------------------------------------------------------------

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

    # ---- starting --------------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Change to the watched loop, with what is queued."""
        if self._watched:
            return
        # An array of signals that is being dispatched: the successors of each signal, how many signals were told of, the
        # successors that may start, and how many there are in all.
        self._groups: Sequence[list[Activation]] = ()
        self._told = 0
        self._ready: list[Activation] = []
        self._reserved = 0
        self._held = 0
        self._hop_counts: dict[Neuron[Any], int] | None = {} if self._options.max_neuron_hops is not None else None
        self._listener_errors: list[Exception] | None = None
        self._cleaner: ContextCleaner | None = self._cns.make_cleaner()
        self._queue = deque(Activation(subscriber, signal) for subscriber, signal in self._queue)
        self._watched = True
        if self._cleaner is not None:
            for activation in self._waiting_activations():
                self._cleaner.enter(activation.subscriber.neuron)

    def begin(self, signals: Sequence[Signal[Any]], groups: Sequence[list[Activation]] | None = None) -> None:
        """Run the first turn of a run that *signals* start; *groups* are their activations, if they exist already."""
        self._pumping = True
        try:
            if self._watched:
                self._dispatch_entries(signals, groups or [self._activations_of(signal) for signal in signals])
                self._pump_watched()
            else:
                for signal in signals:
                    self._enqueue_plain(signal)
                self._pump_plain()
        except BaseException as error:
            self._pumping = False
            self.halt(error)
            raise
        self._pumping = False
        if (
            self._queue
            or self._active
            or self._stop
            or self._watched
            or self._failures is not None
            or self._gated
            or self._options.on_drain is not None
            or self._cns.drain_listeners
        ):
            self._close_turn()
        else:
            self._done = True  # the common end of a synchronous run, without the calls that the others need

    def _dispatch_entries(self, signals: Sequence[Signal[Any]], groups: Sequence[list[Activation]]) -> None:
        self._reserve(groups)
        if not signals:
            self._respond(None, None, None, None)
        self._emit(None, signals, None)

    def begin_tasks(self, activations: Iterable[Activation]) -> None:
        """Run the first turn of a run that tasks start; there is no entry response."""
        self._enqueue_activations(list(activations))
        self._pump_turn(None)
        self._close_turn()

    def _enqueue_activations(self, activations: list[Activation]) -> None:
        if not self._watched:
            self._queue.extend((activation.subscriber, activation.signal) for activation in activations)
            return
        self._queue.extend(activations)
        if self._cleaner is not None:
            for activation in activations:
                self._cleaner.enter(activation.subscriber.neuron)

    def _enqueue_plain(self, signal: Signal[Any]) -> None:
        target = self._subscribers_of(signal._collateral)
        if target.__class__ is Subscriber:
            self._queue.append((target, signal))
        elif target is not None:
            self._queue.extend([(subscriber, signal) for subscriber in target])  # type: ignore[union-attr]  # a tuple

    def _activations_of(self, signal: Signal[Any]) -> list[Activation]:
        target = self._subscribers_of(signal._collateral)
        if target is None:
            return []
        if target.__class__ is Subscriber:
            return [Activation(target, signal)]  # type: ignore[arg-type]  # told by __class__, which costs less here
        return [Activation(subscriber, signal) for subscriber in target]  # type: ignore[union-attr]

    # ---- the plain loop --------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        while True:
            while self._slotted:
                self._start_slotted(self._slotted.popleft())
            if self._watched:
                self._pump_watched()
            else:
                self._pump_plain()
            if not self._slotted:
                return

    def _pump_plain(self) -> None:  # noqa: C901, PLR0912 - one loop without calls: each call would cost 15 % of a hop
        queue = self._queue
        subscribers_of = self._subscribers_of
        hops = self._hops
        try:
            while queue and not self._stop:
                subscriber, signal = queue.popleft()
                while True:
                    mode = subscriber.mode
                    hops += 1
                    self._current = subscriber
                    self._current_signal = signal
                    try:
                        if mode == 3:
                            result = subscriber.fn(signal._payload, subscriber.axon, HandlerContext(self, subscriber, None))
                        elif mode == 2:
                            result = subscriber.fn(signal._payload, subscriber.axon)
                        elif mode == 1:
                            result = subscriber.fn(signal._payload)
                        elif mode == 0:
                            result = subscriber.fn()
                        else:
                            result = _NOT_PLAIN
                    except Exception as error:  # noqa: BLE001 - every failure of a handler belongs to its task
                        self._note(error, subscriber, hops)
                        self._fail(Activation(subscriber, signal), error)
                        break
                    except BaseException as error:
                        self._interrupt(Activation(subscriber, signal), error)
                        raise
                    if result is None:
                        break
                    if result.__class__ is Signal:
                        target = subscribers_of(result._collateral)
                        if target.__class__ is Subscriber:
                            if queue or self._stop:
                                queue.append((target, result))
                                break
                            subscriber = target
                            signal = result
                            continue
                        if target is not None:
                            queue.extend([(one, result) for one in target])
                        break
                    self._current = None
                    if result is _NOT_PLAIN:
                        self._hops = hops = hops - 1  # counted when its body starts
                        self._start(Activation(subscriber, signal))
                        hops = self._hops
                    else:
                        self._hops = hops
                        self._route_plain(Activation(subscriber, signal), result)
                    break
        finally:
            self._hops = hops
            self._current = None
        if queue and self._watched:  # a listener came while this loop ran
            self._pump_watched()

    def _route_plain(self, activation: Activation, result: Any) -> None:
        """Enqueue what a handler returned, if it is neither nothing nor one signal of the plain loop."""
        if result is None:
            return
        if result.__class__ is Signal:
            self._enqueue_plain(result)
        elif (result.__class__ is list or result.__class__ is tuple) and _all_signals(result):
            for signal in result:
                self._enqueue_plain(signal)
        elif hasattr(result, "__await__"):
            self._launch(activation, result)
        else:
            self._fail(activation, self._noted(_refusal(activation, result), activation))

    # ---- the watched loop ------------------------------------------------------------------------------------------------

    def _pump_watched(self) -> None:
        queue = self._queue
        limit = self._options.concurrency
        counts = self._hop_counts is not None
        while queue and not self._stop and (limit is None or len(self._active) < limit):
            activation = queue.popleft()
            if activation.subscriber.mode >= ASYNC:
                self._start(activation)
            elif not counts or self._count_hop(activation):
                self._call(activation)

    def _count_hop(self, activation: Activation) -> bool:
        """Count one more activation of its neuron; fail it if the run allows no more."""
        if self._hop_counts is None:
            return True
        neuron = activation.subscriber.neuron
        limit = self._options.max_neuron_hops
        count = self._hop_counts.get(neuron, 0) + 1
        if limit is not None and count > limit:
            self._settle_failed(activation, MaxNeuronHopsExceeded(neuron.label, limit))
            return False
        self._hop_counts[neuron] = activation.hops = count
        return True

    def _call(self, activation: Activation) -> None:
        """Call the handler of a watched activation, and settle it unless it returns an awaitable."""
        self._current = activation
        if activation.record is not None:
            activation.record.started = time()
        try:
            result = self._invoke(activation)
        except Exception as error:  # noqa: BLE001 - every failure of a handler belongs to its task
            self._current = None
            self._give_slot_back(activation)
            self._settle_failed(activation, error)
            return
        except BaseException as error:
            self._interrupt(activation, error)
            raise
        self._current = None
        if activation.holds_slot and not hasattr(result, "__await__"):
            self._give_slot_back(activation)
        if (result is None or result.__class__ is Signal) and self._recorder is None and self._cleaner is None:
            self._settle_one(activation, result)
        else:
            self._settle(activation, result)

    def _invoke(self, activation: Activation) -> Any:
        """Call the handler with as many arguments as it takes."""
        subscriber = activation.subscriber
        arity = subscriber.arity
        payload = None if activation.signal is None else activation.signal._payload
        if arity == 3:  # noqa: PLR2004 - (payload, axon, ctx)
            return subscriber.fn(payload, subscriber.axon, HandlerContext(self, subscriber, activation))
        if arity == 2:  # noqa: PLR2004 - (payload, axon)
            return subscriber.fn(payload, subscriber.axon)
        return subscriber.fn(payload) if arity else subscriber.fn()

    def _settle(self, activation: Activation, result: Any) -> None:
        """Take what a handler returned, or what its awaitable came to."""
        if not self._watched:
            self._route_plain(activation, result)
        elif result is None or result.__class__ is Signal:
            if self._recorder is None and self._cleaner is None:
                self._settle_one(activation, result)
            else:
                self._settle_done(activation, () if result is None else (result,))
        elif (result.__class__ is list or result.__class__ is tuple) and _all_signals(result):
            self._settle_done(activation, result)
        elif hasattr(result, "__await__"):
            self._launch(activation, result)
        else:
            self._settle_failed(activation, _refusal(activation, result))

    def _settle_one(self, activation: Activation, output: Signal[Any] | None) -> None:
        """What `_settle_done` does, for one signal or none, and nobody to record it: the bulk of all hops."""
        self._hops += 1
        successors = _NOBODY if output is None else self._activations_of(output)
        local = self._options.on_response
        if local is not None or self._cns.response_listeners:
            self._groups = (successors,)
            self._reserved = len(successors)
            awaitables = self._tell(activation, output, None)
            self._groups = ()
            self._reserved = 0
            if awaitables:
                self._hold(successors, None, awaitables)
                return
        if successors:
            self._queue.extend(successors)

    def _settle_done(self, activation: Activation, outputs: Sequence[Signal[Any]]) -> None:
        groups = [self._activations_of(signal) for signal in outputs]
        recorder = self._recorder
        if recorder is None:
            self._reserve(groups, activation)
            ticket = None
        else:
            try:
                prepared = recorder.prepare(activation, outputs, groups)
            except Exception as error:  # noqa: BLE001 - what cannot be written fails the hop that emits it
                self._settle_failed(activation, error)
                return
            forgotten = self._reserve(groups, activation)
            ticket = recorder.settled(activation, prepared, groups, forgotten, last=self._is_last())
        self._hops += 1
        if not outputs:
            self._groups = ()
            self._respond(activation, None, None, ticket)
        else:
            self._emit(activation, outputs, ticket)

    def _settle_failed(self, activation: Activation, error: Exception) -> None:
        if not self._watched:
            self._fail(activation, self._noted(error, activation))
            return
        self._hops += 1
        self._fail(activation, self._noted(error, activation))
        ticket = None if self._recorder is None else self._recorder.failed(activation, error)
        self._respond(activation, None, error, ticket)

    def _reserve(self, groups: Sequence[list[Activation]], settled: Activation | None = None) -> Sequence[Neuron[Any]]:
        """Count the successors in before anyone is told of them; return the neurons whose context was dropped."""
        self._groups = groups
        self._told = 0
        self._reserved = sum(map(len, groups))
        cleaner = self._cleaner
        if cleaner is None:
            return ()
        for group in groups:
            for activation in group:
                cleaner.enter(activation.subscriber.neuron)
        return () if settled is None else cleaner.leave(settled.subscriber.neuron, self._context_store())

    def _is_last(self) -> bool:
        """Whether the run is over with what settles now, and no listener could still fail it."""
        return not (
            self._reserved
            or self._queue
            or self._active
            or self._holds
            or self._gated
            or self._failures
            or self._stop
            or self._listener_errors
            or self._options.on_response is not None
            or self._cns.response_listeners
        )

    def _emit(self, activation: Activation | None, outputs: Sequence[Signal[Any]], ticket: Ticket | None) -> None:
        """Tell of each signal in turn, then enqueue the successors that nothing holds back."""
        groups = self._groups
        if not self._has_listeners():
            successors = [one for group in groups for one in group] if len(groups) != 1 else groups[0]
            if ticket is None:
                self._queue.extend(successors)
            else:
                self._hold(successors, ticket, ())
        else:
            for index, signal in enumerate(outputs):
                self._told = index
                group = groups[index]
                if not self._respond(activation, signal, None, ticket, group):
                    self._ready.extend(group)
            self._queue.extend(self._ready)
            self._ready = []
        self._groups, self._told, self._reserved = (), 0, 0

    def _respond(
        self,
        activation: Activation | None,
        output: Signal[Any] | None,
        error: Exception | None,
        ticket: Ticket | None,
        successors: Sequence[Activation] = (),
    ) -> bool:
        """Tell the listeners; return whether something holds the successors back."""
        awaitables = self._tell(activation, output, error) if self._has_listeners() else ()
        if ticket is None and not awaitables:
            return False
        self._reserved -= len(successors)
        self._hold(successors, ticket, awaitables)
        return True

    def _hold(self, successors: Sequence[Activation], ticket: Ticket | None, awaitables: Sequence[Any]) -> None:
        hold = Hold(self, successors, len(awaitables) + (ticket is not None))
        if self._holds is None:
            self._holds = {}
        self._holds[hold] = None
        self._held += len(successors)
        if ticket is not None:
            ticket.add_waiter(hold.release)
        for awaitable in awaitables:
            hold.tasks.append(bodies().listen(self, awaitable, hold))

    def _has_listeners(self) -> bool:
        return self._options.on_response is not None or bool(self._cns.response_listeners)

    def _tell(self, activation: Activation | None, output: Signal[Any] | None, error: Exception | None) -> Sequence[Any]:
        """Call the run's own listener, then the global ones; return the awaitables that they returned."""
        active = len(self._active)
        pending = len(self._queue) + self._reserved + self._held
        if self._gated or not (pending or active):
            pending = self._pending
        if activation is None:
            response = Response(self, None, output, None, error, None, pending, active)  # type: ignore[arg-type]  # a Stimulation
        else:
            subscriber = activation.subscriber
            hops = None if self._hop_counts is None else activation.hops
            neuron = subscriber.neuron if subscriber.known else None
            response = Response(self, activation.signal, output, neuron, error, hops, pending, active)  # type: ignore[arg-type]
        awaitables: Sequence[Any] = ()
        local = self._options.on_response
        listeners = self._cns.response_listeners
        for listener in listeners if local is None else (local, *listeners):
            try:
                told = listener(response)
            except Exception as problem:  # noqa: BLE001 - a listener stops nothing; the run raises at its end
                self._add_listener_error(problem)
                continue
            if told is not None and hasattr(told, "__await__"):
                self._need_loop("a response listener", told)
                awaitables = (*awaitables, told)
        return awaitables

    def _add_listener_error(self, error: Exception) -> None:
        error.add_note("in a response listener")
        if self._listener_errors is None:
            self._listener_errors = []
        self._listener_errors.append(error)

    # ---- awaitables and limits -------------------------------------------------------------------------------------------

    def _start(self, activation: Activation) -> None:
        """Start an activation that is not a plain call: a coroutine function, or one with limits or a thread."""
        subscriber = activation.subscriber
        if self._loop is None and subscriber.dendrite.is_asynchronous:
            try:
                self._need_loop(f"the handler of {subscriber.describe()}")
            except EventLoopRequired:
                self._put_back(activation)
                raise
        if subscriber.mode == ASYNC and not self._watched:
            self._hops += 1
            self._call_async(activation)
            return
        limit = subscriber.limit
        if limit is not None and not activation.holds_slot:
            if self._gated is None:
                self._gated = {}
            self._gated[activation] = None
            self._bind_loop()
            if not limit.enter(self, activation):
                return
            del self._gated[activation]
            activation.holds_slot = True
        if self._watched and self._hop_counts is not None and not self._count_hop(activation):
            self._give_slot_back(activation)
            return
        if not self._watched:
            self._hops += 1
        if subscriber.mode == GUARDED:
            self._call_guarded(activation)
        else:
            self._call_async(activation)

    def _call_async(self, activation: Activation) -> None:
        """Call a coroutine function; its body starts when the coroutine takes its first step."""
        if activation.record is not None:
            activation.record.started = time()
        try:
            awaitable = self._invoke(activation)
        except Exception as error:  # noqa: BLE001 - as in _call
            self._give_slot_back(activation)
            self._settle_failed(activation, error)
            return
        if not hasattr(awaitable, "__await__"):
            self._give_slot_back(activation)
            self._settle(activation, awaitable)
            return
        if activation.subscriber.neuron.max_duration is not None:
            awaitable = bodies().limited(activation.subscriber.neuron, awaitable)
        self._launch(activation, awaitable)

    def _call_guarded(self, activation: Activation) -> None:
        subscriber = activation.subscriber
        if subscriber.dendrite.in_thread:
            if activation.record is not None:
                activation.record.started = time()
            self._launch(activation, bodies().in_thread(self, activation))
        elif subscriber.dendrite.is_asynchronous:
            self._call_async(activation)
        elif self._watched:
            self._call(activation)
        else:
            self._call_plain_guarded(activation)

    def _call_plain_guarded(self, activation: Activation) -> None:
        """Call a synchronous handler that holds a slot, in a run that nobody watches."""
        subscriber = activation.subscriber
        self._current, self._current_signal = subscriber, activation.signal
        try:
            result = self._invoke(activation)
        except Exception as error:  # noqa: BLE001 - as in _call
            self._current = None
            self._give_slot_back(activation)
            self._fail(activation, self._noted(error, activation))
            return
        except BaseException as error:
            self._give_slot_back(activation)
            self._interrupt(activation, error)
            raise
        self._current = None
        if not hasattr(result, "__await__"):
            self._give_slot_back(activation)
        self._route_plain(activation, result)

    def _give_slot_back(self, activation: Activation) -> None:
        if activation.holds_slot:
            activation.holds_slot = False
            limit = activation.subscriber.limit
            if limit is not None:
                limit.leave()

    def _put_back(self, activation: Activation) -> None:
        self._queue.appendleft(activation if self._watched else (activation.subscriber, activation.signal))

    def _launch(self, activation: Activation, awaitable: Any) -> None:
        """Let an awaitable body run: in the worker that is pumping, if it is the only work, else in a task of its own."""
        if self._loop is None:
            try:
                self._need_loop(f"the handler of {activation.subscriber.describe()}", awaitable)
            except EventLoopRequired:
                self._put_back(activation)
                raise
        self._active[activation] = None
        if self._adoptable and not self._queue and not self._slotted and len(self._active) == 1:
            self._adopted = (activation, awaitable)
        else:
            self._active[activation] = bodies().spawn(self, activation, awaitable)

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
        from contextvars import copy_context  # noqa: PLC0415 - a run without awaitables does not need it

        self._context = copy_context()

    def settle_body(
        self, activation: Activation, result: Any, error: Exception | None, *, adoptable: bool
    ) -> tuple[Activation, Any] | None:
        """Begin a turn because the awaitable of *activation* has settled.

        Args:
            activation: What settled.
            result: What its awaitable came to.
            error: What it raised instead.
            adoptable: Whether the calling worker can await another awaitable.

        Returns:
            An activation and its awaitable that the calling worker should await itself; the turn is then still open, and
            ends with `close_turn` after the first step of that awaitable.
        """
        del self._active[activation]
        self._pumping = True
        self._adoptable = adoptable
        self._give_slot_back(activation)  # in the turn, so that a waiter of this run starts in it
        try:
            if error is not None:
                self._settle_failed(activation, error)
            else:
                self._settle(activation, result)
            self._pump()
        except BaseException as problem:
            self._pumping = self._adoptable = False
            self.halt(problem)
            raise
        self._pumping = self._adoptable = False
        adopted, self._adopted = self._adopted, None
        if adopted is None:
            self._close_turn()
        return adopted

    def let_go(self, hold: Hold) -> None:
        """Begin a turn because everything that *hold* waited for has happened."""
        if self._holds is None or hold not in self._holds:
            return  # the run was halted meanwhile
        del self._holds[hold]
        self._held -= len(hold.activations)
        self._turn(hold.activations)

    def admit(self, activation: Activation) -> None:
        """Take the slot that *activation* has waited for; called by its limit, from any thread."""
        loop = self._loop
        if loop is None:
            self.enter_slot(activation)
        elif loop is running_loop():
            if self._pumping:
                if self._slotted is None:
                    self._slotted = deque()
                self._slotted.append(activation)
            else:
                loop.call_soon(self.enter_slot, activation)
        elif loop.is_closed():
            activation.subscriber.limit.leave()  # type: ignore[union-attr]  # it waited for this limit
        else:
            loop.call_soon_threadsafe(self.enter_slot, activation)

    def enter_slot(self, activation: Activation) -> None:
        """Begin a turn because *activation* has got the slot that it waited for."""
        if self._pumping:  # in another thread; a run without an event loop cannot be told there
            activation.subscriber.limit.leave()  # type: ignore[union-attr]  # it waited for this limit
            return
        self._turn((), activation)

    def _start_slotted(self, activation: Activation) -> None:
        """Start what has got its slot; hand the slot on if it cannot be used now."""
        activation.holds_slot = True
        if self._gated is None or activation not in self._gated or self._stop:
            self._give_slot_back(activation)
            return
        del self._gated[activation]
        limit = self._options.concurrency
        if limit is not None and len(self._active) >= limit:
            self._give_slot_back(activation)
            self._put_back(activation)
            return
        self._start(activation)

    def _turn(self, activations: Sequence[Activation], admitted: Activation | None = None) -> None:
        """Enqueue *activations* and pump, unless a turn is under way that will find them."""
        self._queue.extend(activations if self._watched else [(one.subscriber, one.signal) for one in activations])
        if self._pumping or self._done:
            return
        if self._context is not None:
            self._context.run(self._pump_turn, admitted)
        else:
            self._pump_turn(admitted)
        self._close_turn()

    def _pump_turn(self, admitted: Activation | None) -> None:
        self._pumping = True
        try:
            if admitted is not None:
                self._start_slotted(admitted)
            self._pump()
        except BaseException as error:
            self._pumping = False
            self.halt(error)
            raise
        finally:
            self._pumping = False

    # ---- the end of a turn, and of the run -------------------------------------------------------------------------------

    def close_turn(self) -> None:
        """End a turn whose last awaitable has taken its first step; it is under way, so the run is not over."""
        if self._options.on_drain is not None or self._cns.drain_listeners:
            self._close_turn()

    def _close_turn(self) -> None:
        while True:
            ending = self._is_over()
            if self._options.on_drain is not None or self._cns.drain_listeners:
                self._announce(ending)
            if not self._startable():
                break
            self._pumping = True  # a drain listener has added work
            try:
                self._pump()
            finally:
                self._pumping = False
        if not self._done and not self._ending and self._is_over():
            self._end()

    def _startable(self) -> bool:
        limit = self._options.concurrency
        if self._stop or self._done:
            return bool(self._slotted)  # to give the slots back
        return bool(self._slotted) or (bool(self._queue) and (limit is None or len(self._active) < limit))

    def _is_over(self) -> bool:
        """Whether nothing is under way and nothing can start."""
        if self._active or self._holds:
            return False
        return self._stop or not (self._queue or self._gated)

    def _announce(self, ending: bool) -> None:
        drain = Drain(self, self._pending, len(self._active), finished=ending)  # type: ignore[arg-type]  # a Stimulation
        local = self._options.on_drain
        for listener in self._cns.drain_listeners if local is None else (local, *self._cns.drain_listeners):
            try:
                told = listener(drain)
                if hasattr(told, "__await__"):
                    getattr(told, "close", bool)()
                    raise TypeError("a drain listener must not be asynchronous")  # noqa: TRY301 - logged below with the rest
            except Exception:  # noqa: BLE001 - a drain listener cannot fail a run
                logger().exception("a drain listener failed")

    def _end(self) -> None:
        raise NotImplementedError

    def _fail(self, activation: Activation, error: BaseException, *, aborted: bool = False) -> None:
        if self._failures is None:
            self._failures = []
        self._failures.append(TaskFailure(activation.task, error, aborted))

    def _interrupt(self, activation: Activation, error: BaseException) -> None:
        """Stop the run because a handler raised what must not be swallowed."""
        self._current = None
        self._give_slot_back(activation)
        self._active.pop(activation, None)
        self._fail(activation, error, aborted=True)
        self.halt(error)

    def halt(self, error: BaseException) -> None:
        """Stop the run for good: nothing more starts, no write is waited for, and awaiting it raises *error*."""
        if self._halted is None:
            self._halted = error
        self._stop = True
        if self._holds:
            for hold in self._holds:
                self._queue.extend(hold.activations)
            self._holds = None
            self._held = 0
        if not self._pumping and not self._done and not self._ending and self._is_over():
            self._end()

    def _noted(self, error: Exception, activation: Activation) -> Exception:
        self._note(error, activation.subscriber, self._hops)
        return error

    def _note(self, error: Exception, subscriber: Subscriber, hop: int) -> None:
        error.add_note(f"in {subscriber.describe()}, hop {hop}")


def _all_signals(result: Sequence[Any]) -> bool:
    return all(signal.__class__ is Signal for signal in result)


def _refusal(activation: Activation, result: Any) -> HandlerReturnError:
    subscriber = activation.subscriber
    text = repr(result)
    if len(text) > 80:  # noqa: PLR2004 - enough to recognise it by
        text = f"{text[:77]}..."
    return HandlerReturnError(subscriber.neuron.label, subscriber.dendrite.collateral.label, f"{text} ({type(result).__name__})")


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread; asks asyncio only if something has imported it."""
    events = sys.modules.get("asyncio.events")
    return None if events is None else events._get_running_loop()  # type: ignore[no-any-return]  # a module by name


def bodies() -> Any:
    """Return the part of the scheduler that needs asyncio, imported when the first awaitable turns up (it takes 40 ms)."""
    from cnstra.core import bodies as module  # noqa: PLC0415

    return module


def logger() -> Any:
    """Return the logger of the engine."""
    import logging  # noqa: PLC0415 - 8 ms, for something that should not happen

    return logging.getLogger("cnstra")
