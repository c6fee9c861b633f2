"""The loop of a run that nobody watches: pairs of subscriber and signal, and no call that is not needed."""

from __future__ import annotations

from typing import Any

from cnstra.core.context import HandlerContext
from cnstra.core.returns import all_signals, refusal
from cnstra.core.signals import Signal
from cnstra.core.starting import Starting
from cnstra.core.subscribers import ASYNC, Activation, Subscriber

__all__ = ["PlainLoop"]

_NOT_PLAIN = object()
"""In place of a result: this subscriber is not called by the plain loop itself."""


class PlainLoop(Starting):
    """Runs what is queued as fast as Python can."""

    __slots__ = ()

    def _pump_plain(self) -> None:  # noqa: C901, PLR0912, PLR0915 - one loop without calls: each call costs 15 % of a hop
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
                        if mode == 3:  # noqa: PLR2004 - (payload, axon, ctx)
                            ctx = HandlerContext(self, subscriber, None)  # type: ignore[arg-type]  # a Stimulation
                            result = subscriber.fn(signal._payload, subscriber.axon, ctx)
                        elif mode == 2:  # noqa: PLR2004 - (payload, axon)
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
                        self._hops = hops
                        self._interrupt(Activation(subscriber, signal), error)
                        raise
                    if result is None:
                        break
                    if result.__class__ is Signal:
                        target = subscribers_of(result._collateral)
                        if isinstance(target, Subscriber):
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
                        if mode == ASYNC and self._loop is not None:
                            self._hops = hops
                            self._start_plain_async(subscriber, signal)
                        else:
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

    def _route_plain(self, activation: Activation, result: Any) -> None:
        """Enqueue what a handler returned, if it is neither nothing nor one signal of the plain loop."""
        if result is None:
            return
        if result.__class__ is Signal:
            self._enqueue_plain(result)
        elif isinstance(result, (list, tuple)) and all_signals(result):
            for signal in result:
                self._enqueue_plain(signal)
        elif hasattr(type(result), "__await__"):
            self._launch(activation, result)
        else:
            self._fail(activation, self._noted(refusal(activation, result), activation))
