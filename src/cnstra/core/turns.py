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
from contextlib import suppress
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
        try:
            if self._watched:
                self._dispatch_entries(signals, groups or [self._activations_of(signal) for signal in signals])
                self._pump_watched()
            else:
                for signal in signals:
                    self._enqueue_plain(signal)
                self._pump_plain()
        except BaseException as error:
            self._observed = True  # by the caller of `stimulate`, which raises it
            self._break_off(error)
            raise
        if (
            self._queue
            or self._active
            or self._stop
            or self._watched
            or self._failures is not None
            or self._gated
            or self._options.notes_end
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
        self._enter(list(activations))
        try:
            self._pump()
        except BaseException as error:
            self._observed = True  # as in `begin`
            self._break_off(error)
            raise
        self._close_turn()

    def _enter(self, activations: Sequence[Activation]) -> None:
        """Enqueue activations that come from outside."""
        self._queue.extend(self._queued(activations))
        if self._watched and self._cleaner is not None:
            for activation in activations:
                self._cleaner.enter(activation.subscriber.neuron)

    def _pump(self) -> None:
        while True:
            if self._slotted:
                self._start_slotted(self._slotted)
            if self._watched:
                self._pump_watched()
            else:
                self._pump_plain()
            if not self._slotted:
                return

    def _start_slotted(self, slotted: deque[Activation]) -> None:
        """Start what has got its slot; hand a slot on if it cannot be used now."""
        full: list[Activation] = []  # the run itself has no room for them
        limit = self._options.concurrency
        try:
            while slotted:
                activation = slotted.popleft()
                activation.holds_slot = True
                if self._gated is None or activation not in self._gated or self._stop:
                    self._give_slot_back(activation)
                    continue
                del self._gated[activation]
                if limit is not None and len(self._active) >= limit:
                    full.append(activation)
                    self._give_slot_back(activation)
                else:
                    self._start(activation)
        finally:
            self._put_back(full)

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
        self._pumping = True
        if not self._watched and self._cns.response_listeners:
            self._watch()
        del self._active[activation]
        if activation.holds_slot and not hasattr(type(result), "__await__"):
            self._give_slot_back(activation)  # in the turn, so that a waiter of this run starts in it
        try:
            if error is not None:
                self._settle_failed(activation, error)
            elif result.__class__ is Signal and not self._watched:
                self._enqueue_plain(result)
            else:
                self._settle(activation, result)
            self._adoptable = adoptable
            if self._watched or self._slotted:
                self._pump()
            else:
                self._pump_plain()
        except BaseException as problem:
            self._adoptable = None
            self._break_off(problem)
            raise
        self._adoptable = None
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
                self._slotted.append(activation)  # type: ignore[union-attr]  # made when the first one had to wait
            else:
                loop.call_soon(self.enter_slot, activation)
        else:
            try:
                loop.call_soon_threadsafe(self.enter_slot, activation)
            except RuntimeError:  # that loop is closed, and the run will never go on
                activation.subscriber.limit.leave()  # type: ignore[union-attr]  # it waited for this limit

    def enter_slot(self, activation: Activation) -> None:
        """Begin a turn because *activation* has got the slot that it waited for."""
        self._slotted.append(activation)  # type: ignore[union-attr]  # as in `admit`
        with suppress(Exception):  # the run has ended with it; it is none of the business of whoever left the slot
            self._turn(())

    def _turn(self, activations: Sequence[Activation]) -> None:
        """Enqueue *activations* and pump, unless a turn is under way that will find them."""
        mine = self._claim()
        if mine and not self._watched and self._cns.response_listeners:
            self._watch()
        self._queue.extend(self._queued(activations))
        if not mine:
            return
        try:
            if self._context is not None:
                self._context.copy().run(self._pump)  # what a handler sets there is no business of the next turn
            else:
                self._pump()
        except BaseException as error:
            self._break_off(error)
            raise
        self._close_turn()

    def _claim(self) -> bool:
        """Take the right to run a turn, if nobody has it.

        A run is bound to the event loop in whose thread it runs, so a flag will do. Only one that has no event loop and
        waits for a slot may be continued by several threads: these take a token, which is one atomic operation.
        """
        if self._token is None:
            if self._pumping:
                return False
        else:
            try:
                self._token.pop()
            except IndexError:
                return False
        self._pumping = True
        return True

    def _release(self) -> None:
        """Give the right back that `_claim` took."""
        self._pumping = False
        if self._token is None:
            return
        self._token.append(None)
        if self._slotted or (self._stop and not self._done and self._is_over()):
            self._turn(())  # another thread came when it could not begin a turn

    def close_turn(self) -> None:
        """End a turn whose last awaitable has taken its first step; it is under way, so the run is not over."""
        if self._queue or self._slotted or self._options.on_drain is not None or self._cns.drain_listeners:
            self._close_turn()
        else:
            self._pumping = False

    def _break_off(self, error: BaseException) -> None:
        """End a turn that *error* has interrupted, and the run with it."""
        self._stop_for(error)
        self._close_turn()

    def _close_turn(self) -> None:
        """End the turn under way with its drain, and the run if nothing is left."""
        try:
            if self._queue or self._slotted:  # what came after the loop: from a first step, or a slot that was freed
                self._pump()
            while not self._done and not self._ending:
                if self._options.on_drain is None and not self._cns.drain_listeners:
                    break
                self._announce(ending=self._is_over())
                if not self._startable():
                    break
                self._pump()  # a drain listener has added work
        except BaseException as error:
            self._stop_for(error)
            raise
        finally:
            if not self._done and not self._ending and self._is_over():
                self._end()
            self._release()

    def _startable(self) -> bool:
        limit = self._options.concurrency
        if self._stop:
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
                if hasattr(type(told), "__await__"):
                    getattr(told, "close", bool)()
                    raise TypeError("a drain listener must not be asynchronous")  # noqa: TRY301 - logged below
            except Exception:  # noqa: BLE001 - a drain listener cannot fail a run
                logger().exception("a drain listener failed")

    def _interrupt(self, activation: Activation, error: BaseException) -> None:
        """Note that a handler raised what must not be swallowed; the turn then ends, and the run with it."""
        self._current = None
        self._give_slot_back(activation)
        self._active.pop(activation, None)
        self._note(error, activation.subscriber, self._hops + self._watched)  # the plain loop has counted it already
        self._fail(activation, error, aborted=True)
        self._stop_for(error)

    def _stop_for(self, error: BaseException) -> None:
        if self._halted is None:
            self._halted = error
        self._stop = True
        if self._holds:
            for hold in self._holds:
                self._queue.extend(hold.activations)
            self._holds = None
            self._held = 0

    def halt(self, error: BaseException) -> None:
        """Stop the run for good: nothing more starts, no write is waited for, and awaiting it raises *error*."""
        self._stop_for(error)
        if not self._done and not self._ending and self._is_over() and self._claim():
            self._close_turn()

    if TYPE_CHECKING:

        def _end(self) -> None: ...
