"""The scheduler of one run: a queue, and a loop that takes from it until nothing can start.

One synchronous stretch of that loop is a *turn*: it begins when a run starts, when an awaitable handler or a listener
settles, when a write is on disk, or when a limit lets a waiter in; and it ends with one drain. The queue is first in,
first out, and a settled activation enqueues all its successors before any of them starts, whoever emitted what, so the
order of a run depends on the graph alone.

There are two loops. The plain one (`plain_loop`) serves a run that nobody watches, and takes pairs of subscriber and
signal; it is written for speed (340 ns a hop on CPython 3.11, where a task object for each hop would cost 90). The
watched one (`watched_loop`) takes activations, and serves listeners, hop limits, run limits, recorders and context
clean-up. A run changes from the first to the second, never back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from cnstra.core.lazily import logger, running_loop
from cnstra.core.responding import Hold
from cnstra.core.responses import Drain
from cnstra.core.signals import Signal
from cnstra.core.subscribers import Activation
from cnstra.core.watched_loop import WatchedLoop

if TYPE_CHECKING:
    import asyncio

__all__ = ["Turns"]


class Turns(WatchedLoop):
    """The turns of a run: how each begins, and how it ends."""

    __slots__ = ()

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
            self._observed = True  # by the caller of `stimulate`, who gets it
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
            or self._remove_abort_callback is not None
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
        if not self._watched and all(activation.signal is not None for activation in activations):
            self._queue.extend((activation.subscriber, activation.signal) for activation in activations)
            return
        self._watch()  # the plain loop takes signals only
        self._queue.extend(activations)
        if self._cleaner is not None:
            for activation in activations:
                self._cleaner.enter(activation.subscriber.neuron)

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

    def settle_body(
        self, activation: Activation, result: Any, error: Exception | None, *, adoptable: asyncio.Task[None] | None
    ) -> tuple[Activation, Any] | None:
        """Begin a turn because the awaitable of *activation* has settled.

        Args:
            activation: What settled.
            result: What its awaitable came to.
            error: What it raised instead.
            adoptable: The calling worker, if it can await another awaitable.

        Returns:
            An activation and its awaitable that the calling worker should await itself; the turn is then still open and
            ends with `close_turn` after the first step of that awaitable.
        """
        del self._active[activation]
        self._pumping = True
        self._adoptable = adoptable
        if activation.holds_slot:
            self._give_slot_back(activation)  # in the turn, so that a waiter of this run starts in it
        try:
            if error is not None:
                self._settle_failed(activation, error)
            elif result.__class__ is Signal and not self._watched:
                self._enqueue_plain(result)
            else:
                self._settle(activation, result)
            if self._watched or self._slotted:
                self._pump()
            else:
                self._pump_plain()
                if self._slotted:
                    self._pump()
        except BaseException as problem:
            self._pumping, self._adoptable = False, None
            self.halt(problem)
            raise
        self._pumping, self._adoptable = False, None
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

    def close_turn(self) -> None:
        """End a turn whose last awaitable has taken its first step; it is under way, so the run is not over."""
        if self._options.on_drain is not None or self._cns.drain_listeners:
            self._close_turn()

    def _close_turn(self) -> None:
        while True:
            ending = self._is_over()
            if self._options.on_drain is not None or self._cns.drain_listeners:
                self._announce(ending=ending)
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

    def _announce(self, *, ending: bool) -> None:
        pending, active = self._pending, len(self._active)
        drain = Drain(self, pending, active, finished=ending)  # type: ignore[arg-type]  # a Stimulation
        local = self._options.on_drain
        for listener in self._cns.drain_listeners if local is None else (local, *self._cns.drain_listeners):
            try:
                told = listener(drain)
                if hasattr(told, "__await__"):
                    getattr(told, "close", bool)()
                    raise TypeError("a drain listener must not be asynchronous")  # noqa: TRY301 - logged below
            except Exception:  # noqa: BLE001 - a drain listener cannot fail a run
                logger().exception("a drain listener failed")

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
        self._stop = self._leave = True
        if self._holds:
            for hold in self._holds:
                self._queue.extend(hold.activations)
            self._holds = None
            self._held = 0
        if not self._pumping and not self._done and not self._ending and self._is_over():
            self._end()

    def _end(self) -> None:
        raise NotImplementedError
