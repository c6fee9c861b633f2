"""The loop of a run that is watched: by listeners, by a recorder, by limits of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from time import time
from typing import Any

from cnstra.core.context import HandlerContext
from cnstra.core.responding import Responding
from cnstra.core.responses import Response
from cnstra.core.returns import all_signals, refusal
from cnstra.core.signals import Signal
from cnstra.core.subscribers import ASYNC, INPUTLESS, Activation, Subscriber

__all__ = ["WatchedLoop"]

_NOBODY: list[Activation] = []


class WatchedLoop(Responding):
    """Runs what is queued, an activation at a time, and settles it."""

    __slots__ = ()

    def _watch(self) -> None:
        """Change to the watched loop, between two turns, with what is queued."""
        if self._watched:
            return
        self._groups = ()
        self._told = 0
        self._ready = []
        self._reserved = 0
        self._held = 0
        self._hop_counts = {} if self._options.max_neuron_hops is not None else None
        self._listener_errors = None
        self._cleaner = self._cns.make_cleaner()
        self._queue = deque(Activation(subscriber, signal) for subscriber, signal in self._queue)
        self._watched = True
        for activation in (*self._active, *self._waiting_activations()):
            if activation.signal is INPUTLESS:
                activation.signal = None

    def _pump_watched(self) -> None:
        if (
            self._recorder is None
            and self._cleaner is None
            and self._hop_counts is None
            and self._options.concurrency is None
        ):
            self._pump_observed()
            return
        queue = self._queue
        limit = self._options.concurrency
        counts = self._hop_counts is not None
        while queue and not self._stop and (limit is None or len(self._active) < limit):
            activation = queue.popleft()
            if activation.subscriber.mode >= ASYNC:
                self._start(activation)
            elif not counts or self._count_hop(activation):
                self._call(activation)

    def _pump_observed(self) -> None:  # noqa: C901, PLR0912, PLR0915 - as `_pump_plain`; 2.4 chains without, not 3.1
        """The watched loop for a run that has one listener and nothing else: a call and its response, and no others."""
        queue = self._queue
        cns = self._cns
        local = self._options.on_response
        subscribers_of = self._subscribers_of
        active = self._active
        while queue and not self._stop:
            activation = queue.popleft()
            subscriber = activation.subscriber
            mode = subscriber.mode
            if mode >= ASYNC:
                self._start(activation)
                continue
            signal = activation.signal
            if signal is None:  # a task without an input
                self._call(activation)
                continue
            self._current = activation
            try:
                if mode == 3:  # noqa: PLR2004 - (payload, axon, ctx)
                    ctx = HandlerContext(self, subscriber, activation)  # type: ignore[arg-type]  # a Stimulation
                    result = subscriber.fn(signal._payload, subscriber.axon, ctx)
                elif mode == 2:  # noqa: PLR2004 - (payload, axon)
                    result = subscriber.fn(signal._payload, subscriber.axon)
                elif mode == 1:
                    result = subscriber.fn(signal._payload)
                else:
                    result = subscriber.fn()
            except Exception as error:  # noqa: BLE001 - as in `_call`
                self._current = None
                self._settle_failed(activation, error)
                continue
            except BaseException as error:
                self._interrupt(activation, error)
                raise
            self._current = None
            if result is None:
                successors = _NOBODY
            elif result.__class__ is Signal:
                target = subscribers_of(result._collateral)
                if isinstance(target, Subscriber):
                    successors = [Activation(target, result)]
                else:
                    successors = [Activation(one, result) for one in target] if target is not None else _NOBODY
            else:
                self._settle(activation, result)
                continue
            if local is None or cns.response_listeners or self._gated:
                self._settle_one(activation, result, successors)
                continue
            self._hops += 1
            self._groups = (successors,)
            self._reserved = reserved = len(successors)
            response = Response(
                self,  # type: ignore[arg-type]  # a Stimulation
                signal,
                result,
                subscriber.neuron if subscriber.known else None,
                None,
                None,
                len(queue) + reserved + self._held,
                len(active),
            )
            try:
                told = local(response)
            except Exception as problem:  # noqa: BLE001 - as in `_tell`
                self._add_listener_error(problem)
                told = None
            self._groups = ()
            self._reserved = 0
            if told is not None and hasattr(type(told), "__await__"):
                self._need_loop("a response listener", told)
                self._hold(successors, None, (told,))
            elif successors:
                queue.extend(successors)

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
        if activation.holds_slot and not hasattr(type(result), "__await__"):
            self._give_slot_back(activation)
        if (result is None or result.__class__ is Signal) and self._recorder is None and self._cleaner is None:
            self._settle_one(activation, result, self._activations_of(result))
        else:
            self._settle(activation, result)

    def _settle(self, activation: Activation, result: Any) -> None:
        """Take what a handler returned, or what its awaitable came to."""
        if not self._watched:
            self._route_plain(activation, result)
        elif result is None or result.__class__ is Signal:
            if self._recorder is None and self._cleaner is None:
                self._settle_one(activation, result, self._activations_of(result))
            else:
                self._settle_done(activation, () if result is None else (result,))
        elif isinstance(result, (list, tuple)) and all_signals(result):
            self._settle_done(activation, result)
        elif hasattr(type(result), "__await__"):
            self._launch(activation, result)
        else:
            self._settle_failed(activation, refusal(activation, result))

    def _settle_one(self, activation: Activation, output: Signal[Any] | None, successors: list[Activation]) -> None:
        """What `_settle_done` does, for one signal or none, and nobody to record it: the bulk of all hops."""
        self._hops += 1
        if self._has_listeners():
            self._groups = (successors,)
            self._reserved = len(successors)
            awaitables = self._tell(activation, output, None)
            self._groups = ()
            self._reserved = 0
            if awaitables:
                self._hold(successors, None, awaitables)
                return
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
