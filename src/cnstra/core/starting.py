"""Starting activations that are not a plain call: coroutine functions, threads, limits."""

from __future__ import annotations

from collections import deque
from functools import partial
from time import time
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from cnstra.core.context import HandlerContext
from cnstra.core.frontier import Frontier
from cnstra.core.lazily import bodies
from cnstra.core.signals import Signal
from cnstra.core.subscribers import ASYNC, GUARDED, Activation, Subscriber
from cnstra.errors import EventLoopRequired, MaxNeuronHopsExceeded

if TYPE_CHECKING:
    from contextvars import ContextVar

    from cnstra.core.limits import NeuronLimit
    from cnstra.core.subscribers import TaskRecord

__all__ = ["Starting"]


class Starting(Frontier):
    """Calls handlers, and lets awaitable bodies run."""

    __slots__ = ()

    def _start(self, activation: Activation) -> None:
        """Start an activation that is not a plain call: a coroutine function, or one with limits or a thread."""
        subscriber = activation.subscriber
        if self._loop is None and subscriber.dendrite.is_asynchronous:
            try:
                self._need_loop(f"the handler of {subscriber.describe()}")
            except EventLoopRequired:
                self._put_back([activation])
                raise
        if subscriber.mode == ASYNC and not self._watched:
            self._hops += 1
            self._call_async(activation)
            return
        limit = subscriber.limit
        if limit is not None and not activation.holds_slot and not self._take_slot(activation, limit):
            return
        if self._watched and self._hop_counts is not None and not self._count_hop(activation):
            self._give_slot_back(activation)
            return
        if not self._watched:
            self._hops += 1
        if subscriber.mode == GUARDED:
            self._call_guarded(activation)
        else:
            self._call_async(activation)

    def _take_slot(self, activation: Activation, limit: NeuronLimit) -> bool:
        """Take a slot of the neuron for *activation*, or let it wait for one."""
        if self._gated is None:
            self._gated, self._slotted = {}, deque()
            if self._bind_loop() is None:
                self._token = []  # from now on other threads may come
        self._gated[activation] = None
        if not limit.enter(self, activation):
            return False
        del self._gated[activation]
        activation.holds_slot = True
        return True

    def _start_plain_async(self, subscriber: Subscriber, signal: Signal[Any]) -> None:
        """What `_start` and what it calls come to, for a coroutine function in a run that nobody watches."""
        activation = Activation(subscriber, signal)
        arity = subscriber.arity
        try:
            if arity == 3:  # noqa: PLR2004 - (payload, axon, ctx)
                ctx = HandlerContext(self, subscriber, activation)  # type: ignore[arg-type]  # a Stimulation
                awaitable = subscriber.fn(signal._payload, subscriber.axon, ctx)
            elif arity == 2:  # noqa: PLR2004 - (payload, axon)
                awaitable = subscriber.fn(signal._payload, subscriber.axon)
            else:
                awaitable = subscriber.fn(signal._payload) if arity else subscriber.fn()
        except Exception as error:  # noqa: BLE001 - as in _call
            self._fail(activation, self._noted(error, activation))
            return
        except BaseException as error:
            self._interrupt(activation, error)
            raise
        if awaitable.__class__ is not CoroutineType and not hasattr(type(awaitable), "__await__"):
            self._route_plain(activation, awaitable)
        elif self._adoptable is not None and not self._queue and not self._slotted:  # `_let_run`, without the call
            self._active[activation] = self._adoptable
            self._adopted = (activation, awaitable)
            self._adoptable = None
        else:
            self._let_run(activation, awaitable)

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
        except BaseException as error:
            self._interrupt(activation, error)
            raise
        if not hasattr(type(awaitable), "__await__"):
            self._give_slot_back(activation)
            self._settle(activation, awaitable)
            return
        if activation.subscriber.neuron.max_duration is not None:
            awaitable = bodies().limited(activation.subscriber.neuron, awaitable)
        self._launch(activation, awaitable)

    def _call_guarded(self, activation: Activation) -> None:
        subscriber = activation.subscriber
        if subscriber.dendrite.transactional and self._recorder is not None:
            if activation.record is not None:
                activation.record.started = time()
            awaitable = self._recorder.transact(activation, partial(self._invoke, activation))
            if subscriber.neuron.max_duration is not None:
                awaitable = bodies().limited(subscriber.neuron, awaitable)
            self._launch(activation, awaitable)
        elif subscriber.dendrite.in_thread:
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
            self._interrupt(activation, error)
            raise
        self._current = None
        if not hasattr(type(result), "__await__"):
            self._give_slot_back(activation)
        self._route_plain(activation, result)

    def _launch(self, activation: Activation, awaitable: Any) -> None:
        """Let an awaitable body run, once the run has an event loop."""
        if self._loop is None:
            try:
                self._need_loop(f"the handler of {activation.subscriber.describe()}", awaitable)
            except EventLoopRequired:
                self._give_slot_back(activation)
                self._put_back([activation])
                raise
        self._let_run(activation, awaitable)

    def _let_run(self, activation: Activation, awaitable: Any) -> None:
        """Let a body run: in the worker whose turn this is, if nothing else starts in it, else in a task of its own."""
        if self._adoptable is not None and not self._queue and not self._slotted:
            self._active[activation] = self._adoptable
            self._adopted = (activation, awaitable)
            self._adoptable = None
        else:
            self._active[activation] = None
            bodies().spawn(self, activation, awaitable)

    def _invoke(self, activation: Activation) -> Any:
        """Call the handler with as many arguments as it takes."""
        subscriber = activation.subscriber
        here = self._here
        if here is not None and not subscriber.dendrite.is_asynchronous and here.get() is not activation.record:
            return self._invoke_with(here, activation)  # what awaits finds it set already
        arity = subscriber.arity
        payload = None if activation.signal is None else activation.signal._payload
        if arity == 3:  # noqa: PLR2004 - (payload, axon, ctx)
            ctx = HandlerContext(self, subscriber, activation)  # type: ignore[arg-type]  # a Stimulation
            return subscriber.fn(payload, subscriber.axon, ctx)
        if arity == 2:  # noqa: PLR2004 - (payload, axon)
            return subscriber.fn(payload, subscriber.axon)
        return subscriber.fn(payload) if arity else subscriber.fn()

    def _invoke_with(self, here: ContextVar[TaskRecord | None], activation: Activation) -> Any:
        """Call the handler while *here* holds the record of *activation*."""
        token = here.set(activation.record)
        try:
            return self._invoke(activation)
        finally:
            here.reset(token)

    def _count_hop(self, activation: Activation) -> bool:
        """Count one more activation of its neuron; fail it if the run allows no more."""
        if self._hop_counts is None:
            return True
        neuron = activation.subscriber.neuron
        limit = self._options.max_neuron_hops
        count = self._hop_counts.get(neuron, 0) + 1
        activation.hops = count
        if limit is not None and count > limit:
            self._settle_failed(activation, MaxNeuronHopsExceeded(neuron.label, limit))
            return False
        self._hop_counts[neuron] = count
        return True

    if TYPE_CHECKING:
        # The loops and the turns, which build on this class, say what follows on a call.

        def _call(self, activation: Activation) -> None: ...

        def _settle(self, activation: Activation, result: Any) -> None: ...

        def _settle_failed(self, activation: Activation, error: Exception) -> None: ...

        def _route_plain(self, activation: Activation, result: Any) -> None: ...

        def _interrupt(self, activation: Activation, error: BaseException) -> None: ...

        def admit(self, activation: Activation) -> None:
            """Take the slot that *activation* has waited for."""
