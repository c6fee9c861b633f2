"""A graph that runs: neurons, connected by the collaterals that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, overload

from cnstra.core.axons import collaterals_of
from cnstra.core.dendrites import Dendrite
from cnstra.core.forgetting import ContextCleaner
from cnstra.core.generics import G, PaddedGeneric
from cnstra.core.handlers import is_asynchronous
from cnstra.core.lazily import running_loop
from cnstra.core.limits import NeuronLimit
from cnstra.core.network import Network
from cnstra.core.neurons import Neuron
from cnstra.core.options import DEFAULT_OPTIONS, StimulationOptions, require_synchronous
from cnstra.core.signals import Collateral, Signal
from cnstra.core.stimulation import Stimulation
from cnstra.core.subscribers import Activation, Subscriber
from cnstra.core.tasks import ActivationTask, TaskFailure
from cnstra.core.wrapping import wrap_handlers
from cnstra.errors import GraphError, SubscriberNotFound

if TYPE_CHECKING:
    from cnstra.core.abort import AbortSignal
    from cnstra.core.context import ContextStore
    from cnstra.core.modality import AfferentPath, Modality
    from cnstra.core.responses import DrainListener, ResponseListener
    from cnstra.core.wrapping import HandlerWrapper

__all__ = ["CNS"]


class CNS(PaddedGeneric, Generic[G]):
    """A graph of neurons. Only what is stimulated runs; many runs may be under way at once.

    Args:
        neurons: Subscribers of one collateral are activated in this order. The neurons are frozen now; other graphs may
            share them, and limits hold in each graph by itself.
        global_: An object for all handlers, ``ctx.global_``.
        auto_cleanup_contexts: Drop the context value of a neuron as soon as nothing in the run can reach it any more.

    Raises:
        GraphError: If something in *neurons* is not a neuron, or is there twice.

    Attributes:
        neurons: The neurons, in order.
        table: Collateral to its subscriber, or to a tuple of several; for the scheduler.
        response_listeners: The global listeners; replaced, never changed, so that a listener may take itself off.
        drain_listeners: Likewise.
        wrappers: What is called around its handlers; likewise.
    """

    __slots__ = (
        "__weakref__",
        "_asynchronous_listeners",
        "_limits",
        "_live",
        "_network",
        "auto_cleanup_contexts",
        "drain_listeners",
        "global_",
        "neurons",
        "response_listeners",
        "table",
        "wrappers",
    )

    @overload
    def __init__(self: CNS[Any], neurons: Iterable[Neuron[Any]], *, auto_cleanup_contexts: bool = False) -> None: ...
    @overload
    def __init__(self, neurons: Iterable[Neuron[Any]], *, global_: G, auto_cleanup_contexts: bool = False) -> None: ...
    def __init__(
        self, neurons: Iterable[Neuron[Any]], *, global_: Any = None, auto_cleanup_contexts: bool = False
    ) -> None:
        if isinstance(neurons, Neuron) or not isinstance(neurons, Iterable):
            raise GraphError(f"a CNS is built of a list of neurons, CNS([one, other]), not of {neurons!r}")
        self.neurons: Sequence[Neuron[Any]] = tuple(neurons)
        self.global_: G = global_
        self.auto_cleanup_contexts = auto_cleanup_contexts
        self.response_listeners: tuple[ResponseListener, ...] = ()
        self.drain_listeners: tuple[DrainListener, ...] = ()
        self._asynchronous_listeners = 0
        self._live: set[Stimulation] = set()
        self._network: Network | None = None
        self.wrappers: tuple[HandlerWrapper, ...] = ()
        self._limits: dict[Neuron[Any], NeuronLimit] = {}
        self.table: dict[Collateral[Any], Subscriber | tuple[Subscriber, ...] | None] = {}
        self._compile()

    def _compile(self) -> None:
        subscribers: dict[Collateral[Any], list[Subscriber]] = {}
        seen: set[Neuron[Any]] = set()
        for neuron in self.neurons:
            if not isinstance(neuron, Neuron):
                raise GraphError(f"a CNS is built of neurons, not of {neuron!r}")
            if neuron in seen:
                raise GraphError(f"neuron {neuron.label} is given twice; it would run twice for each signal")
            seen.add(neuron)
            for collateral in collaterals_of(neuron.axon).values():
                subscribers.setdefault(collateral, [])
            counts: dict[Collateral[Any], int] = {}
            for dendrite in neuron.dendrites:
                index = counts[dendrite.collateral] = counts.get(dendrite.collateral, -1) + 1
                subscribers.setdefault(dendrite.collateral, []).append(self._subscriber(neuron, dendrite, index))
        for neuron in self.neurons:
            neuron.freeze()
        for collateral, found in subscribers.items():
            self.table[collateral] = (found[0] if len(found) == 1 else tuple(found)) if found else None

    def _subscriber(self, neuron: Neuron[Any], dendrite: Dendrite, index: int) -> Subscriber:
        limit = None
        if neuron.concurrency is not None:
            limit = self._limits.setdefault(neuron, NeuronLimit(neuron.concurrency))
        return Subscriber(neuron, dendrite, index, limit)

    @property
    def network(self) -> Network:
        """How the neurons are connected."""
        if self._network is None:
            self._network = Network(self.neurons, self.table)
        return self._network

    # ---- running ---------------------------------------------------------------------------------------------

    def stimulate(
        self,
        signal: Signal[Any] | Sequence[Signal[Any]],
        *,
        on_response: ResponseListener | None = None,
        on_drain: DrainListener | None = None,
        abort_signal: AbortSignal | None = None,
        ctx: ContextStore | None = None,
        concurrency: int | None = None,
        max_neuron_hops: int | None = None,
        modality: Modality | None = None,
        afferent_path: AfferentPath | None = None,
        stimulation_context: Any = None,
    ) -> Stimulation:
        """Start a run with one signal or several.

        Everything that can happen synchronously has happened when this returns. Await the run for its end.

        Args:
            signal: What to start with.
            on_response: Called for each signal; see `Response`. If it returns an awaitable, the subscribers of that
                signal wait for it.
            on_drain: Called at the end of each synchronous turn; see `Drain`.
            abort_signal: Stops the run when it is raised.
            ctx: A store of context values, such as that of an earlier run.
            concurrency: How many bodies of this run may be active at once.
            max_neuron_hops: How often each neuron may be activated in this run.
            modality: Which modality the run carries.
            afferent_path: Which path of that modality.
            stimulation_context: An object for all handlers of this run, ``ctx.stimulation_context``.

        Raises:
            EventLoopRequired: If something asynchronous comes up and no event loop is running.
            GraphError: If an option makes no sense.
        """
        if (
            on_response is None
            and on_drain is None
            and abort_signal is None
            and ctx is None
            and concurrency is None
            and max_neuron_hops is None
            and modality is None
            and afferent_path is None
            and stimulation_context is None
        ):
            options = DEFAULT_OPTIONS
        else:
            options = StimulationOptions(
                on_response=on_response,
                on_drain=on_drain,
                abort_signal=abort_signal,
                ctx=ctx,
                concurrency=concurrency,
                max_neuron_hops=max_neuron_hops,
                modality=modality,
                afferent_path=afferent_path,
                stimulation_context=stimulation_context,
            )
        return self.start(Stimulation(self, options), signal)

    def start(
        self,
        run: Stimulation,
        signal: Signal[Any] | Sequence[Signal[Any]],
        groups: Sequence[list[Activation]] | None = None,
    ) -> Stimulation:
        """Start a run that was made beforehand; *groups* are the activations of each signal, if they exist already."""
        signals = (signal,) if signal.__class__ is Signal else _require_signals(signal)
        if (
            run._options is not DEFAULT_OPTIONS
            or self.response_listeners
            or self.auto_cleanup_contexts
            or run._recorder is not None
        ):
            run.prepare()
        try:
            run.begin(signals, groups)
        finally:
            if not run._done:
                self._live.add(run)
        return run

    def activate(
        self,
        tasks: Iterable[ActivationTask | TaskFailure],
        *,
        on_response: ResponseListener | None = None,
        on_drain: DrainListener | None = None,
        abort_signal: AbortSignal | None = None,
        ctx: ContextStore | None = None,
        concurrency: int | None = None,
        max_neuron_hops: int | None = None,
        modality: Modality | None = None,
        afferent_path: AfferentPath | None = None,
        stimulation_context: Any = None,
    ) -> Stimulation:
        """Start a run from activations, such as ``run.get_outstanding_tasks()`` of an earlier one.

        There is no entry response. A task whose dendrite is not in this graph fails with `SubscriberNotFound`.

        The other arguments are those of `stimulate`.
        """
        options = StimulationOptions(
            on_response=on_response,
            on_drain=on_drain,
            abort_signal=abort_signal,
            ctx=ctx,
            concurrency=concurrency,
            max_neuron_hops=max_neuron_hops,
            modality=modality,
            afferent_path=afferent_path,
            stimulation_context=stimulation_context,
        )
        return self.start_tasks(Stimulation(self, options), self.activations_of(tasks))

    def start_tasks(self, run: Stimulation, activations: Iterable[Activation]) -> Stimulation:
        """Start a run that was made beforehand, from activations."""
        run.prepare()
        try:
            run.begin_tasks(activations)
        finally:
            if not run._done:
                self._live.add(run)
        return run

    def run(self, signal: Signal[Any] | Sequence[Signal[Any]], **options: Any) -> Stimulation:
        """Run to the end, blocking, in a script that has no event loop.

        Args:
            signal: What to start with.
            **options: Those of `stimulate`.

        Returns:
            The completed run.

        Raises:
            RuntimeError: If an event loop is running in this thread; await `stimulate` there.
            StimulationFailed: As awaiting the run does.
            StimulationAborted: As awaiting the run does.
        """
        if running_loop() is not None:
            raise RuntimeError("cns.run() blocks and an event loop is running: use `await cns.stimulate(...)`")
        import asyncio  # 40 ms, and a program with a loop of its own has it already

        async def complete() -> Stimulation:
            run = self.stimulate(signal, **options)
            await run
            return run

        return asyncio.run(complete())

    # ---- listening -------------------------------------------------------------------------------------------

    def add_response_listener(self, listener: ResponseListener) -> Callable[[], None]:
        """Call *listener* for the responses of every run, after the run's own.

        Runs that are under way are heard from their next turn on.

        Returns:
            A function that takes the listener off; calling it again is harmless.
        """
        if not callable(listener):
            raise GraphError(f"a response listener must be callable, not {listener!r}")
        entry = partial(listener)  # an object of its own, for a listener that is added twice
        self.response_listeners = (*self.response_listeners, entry)
        asynchronous = is_asynchronous(listener)
        self._asynchronous_listeners += asynchronous

        def remove() -> None:
            if entry in self.response_listeners:
                self.response_listeners = tuple(one for one in self.response_listeners if one is not entry)
                self._asynchronous_listeners -= asynchronous

        return remove

    def add_drain_listener(self, listener: DrainListener) -> Callable[[], None]:
        """Call *listener* at the end of every synchronous turn of every run, after the run's own.

        Returns:
            A function that takes the listener off; calling it again is harmless.

        Raises:
            GraphError: If *listener* cannot be called, or is asynchronous.
        """
        if not callable(listener):
            raise GraphError(f"a drain listener must be callable, not {listener!r}")
        require_synchronous(listener)
        entry = partial(listener)
        self.drain_listeners = (*self.drain_listeners, entry)

        def remove() -> None:
            self.drain_listeners = tuple(one for one in self.drain_listeners if one is not entry)

        return remove

    def wrap_handlers(self, wrapper: HandlerWrapper) -> Callable[[], None]:
        """Have *wrapper* called in place of every handler, as ``wrapper(ctx, call)``; see `HandlerWrapper`.

        What is added last is outermost. Call this while no run is under way in another thread.

        Returns:
            A function that takes the wrapper off; calling it again is harmless.
        """
        return wrap_handlers(self, wrapper)

    # ---- what runs ask ---------------------------------------------------------------------------------------

    def has_asynchronous_listener(self, local: ResponseListener | None) -> bool:
        """Whether the global listeners, or *local*, are known to return awaitables."""
        return self._asynchronous_listeners > 0 or (local is not None and is_asynchronous(local))

    def make_cleaner(self) -> ContextCleaner | None:
        """Make what drops the context values that nothing can reach, if that was asked for."""
        return ContextCleaner(self.network) if self.auto_cleanup_contexts else None

    def forget(self, run: Stimulation) -> None:
        """Drop the reference to a run that has ended."""
        self._live.discard(run)

    def activations_of(self, tasks: Iterable[ActivationTask | TaskFailure]) -> list[Activation]:
        """Return an activation for each task."""
        plain = [task.task if isinstance(task, TaskFailure) else task for task in _require_tasks(tasks)]
        return [Activation(self._subscriber_of(task), task.input) for task in plain]

    def find_subscriber(self, neuron: Neuron[Any], collateral: Collateral[Any], index: int = 0) -> Subscriber | None:
        """Return the *index*-th subscriber of *neuron* on *collateral*, or ``None``."""
        target = self.table.get(collateral)
        several = (target,) if isinstance(target, Subscriber) else target or ()
        return next((one for one in several if one.neuron is neuron and one.index == index), None)

    def _subscriber_of(self, task: ActivationTask) -> Subscriber:
        found = self.find_subscriber(task.neuron, task.dendrite_collateral, task.dendrite_index)
        return _stand_in(task) if found is None else found

    def __repr__(self) -> str:
        return f"<CNS of {len(self.neurons)} neurons>"


def _require_tasks(value: Any) -> Sequence[ActivationTask | TaskFailure]:
    tasks = tuple(value) if isinstance(value, Iterable) else (value,)
    if not all(isinstance(one, (ActivationTask, TaskFailure)) for one in tasks):
        raise GraphError(f"tasks are a list of ActivationTask or TaskFailure, not {value!r}")
    return tasks


def _require_signals(value: Any) -> Sequence[Signal[Any]]:
    if not isinstance(value, (list, tuple)) or not all(one.__class__ is Signal for one in value):
        raise GraphError(
            f"stimulate() takes a signal or a list of signals, not {value!r}; make one with create_signal()"
        )
    return value


def _stand_in(task: ActivationTask) -> Subscriber:
    """Return a subscriber that fails, for a task whose dendrite the graph does not have."""

    def missing() -> None:
        raise SubscriberNotFound(task.neuron.label, task.dendrite_collateral.label)

    subscriber = Subscriber(
        task.neuron,
        Dendrite(task.dendrite_collateral, missing, "a missing dendrite", in_thread=False),
        task.dendrite_index,
        None,
    )
    subscriber.mode = subscriber.arity = 0
    subscriber.known = False
    return subscriber
