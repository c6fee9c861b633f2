"""Telling listeners of signals, and holding successors back until they and the store are ready."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cnstra.core.lazily import bodies
from cnstra.core.plain_loop import PlainLoop
from cnstra.core.responses import Response
from cnstra.core.signals import Signal
from cnstra.core.subscribers import Activation

if TYPE_CHECKING:
    from cnstra.core.neurons import Neuron
    from cnstra.core.recording import Ticket

__all__ = ["Hold", "Responding"]


class Hold:
    """Successors that wait for the listeners of a response, and for its write."""

    __slots__ = ("activations", "run", "tasks", "waits")

    def __init__(self, run: Responding, activations: Sequence[Activation], waits: int) -> None:
        self.run = run
        self.activations = activations
        self.waits = waits
        self.tasks: list[Any] = []  # of the listeners; the event loop itself keeps no strong reference

    def release(self) -> None:
        """One of the things that it waits for has happened."""
        self.waits -= 1
        if self.waits == 0:
            self.run.let_go(self)


class Responding(PlainLoop):
    """What follows when an activation has settled in a run that is watched."""

    __slots__ = ()

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

    def _tell(
        self, activation: Activation | None, output: Signal[Any] | None, error: Exception | None
    ) -> Sequence[Any]:
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
            if told is not None and hasattr(type(told), "__await__"):
                self._need_loop("a response listener", told)
                awaitables = (*awaitables, told)
        return awaitables

    def _add_listener_error(self, error: Exception) -> None:
        with suppress(Exception):  # of an exception class that takes no notes
            error.add_note("in a response listener")
        if self._listener_errors is None:
            self._listener_errors = []
        self._listener_errors.append(error)

    if TYPE_CHECKING:

        def let_go(self, hold: Hold) -> None:
            """Go on with what *hold* has held back."""
