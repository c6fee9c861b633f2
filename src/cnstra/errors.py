"""Every error that cnstra raises on its own account.

```
CNSError
├── GraphError (ValueError)            a neuron, axon, modality or limit that cannot be built
│   └── BindingError                   `bind` with missing or unknown handlers
├── EventLoopRequired (RuntimeError)   an awaitable was met where no event loop runs
├── RunFinished (RuntimeError)         work was added to a run that has ended
├── HandlerReturnError (TypeError)     a handler returned something that is no signal
├── NoHandlerError (LookupError)       a modality dendrite has no handler for this run
├── SubscriberNotFound (LookupError)   a task names a dendrite that the graph does not have
├── NeuronTimeout (TimeoutError)       a handler exceeded its neuron's `max_duration`
├── MaxNeuronHopsExceeded              a neuron was activated more often than the run allows
├── StimulationFailed (ExceptionGroup) a run ended with failed tasks or listeners
├── StimulationAborted                 a run was stopped before its work was done
└── PersistenceError                   everything about names, stored values and stores
    ├── NameConflict                   a name or an object is registered already
    ├── UnknownName (LookupError)      a name or an object is not registered
    ├── PayloadError (ValueError)      a value cannot be written, or read back, unchanged
    ├── RecordedFailure                a failure of an earlier attempt, as it was stored
    ├── RunNotFound (LookupError)      no stored run has this id
    ├── RunExists                      a stored run has this id already
    ├── RunNotReady                    the stored run is not in a state that allows this
    └── StoreError                     a store could not be opened, read or written
        └── Fenced                     another worker has taken the run over
```

The arguments of each constructor are its fields, so every error pickles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "BindingError",
    "CNSError",
    "EventLoopRequired",
    "Fenced",
    "GraphError",
    "HandlerReturnError",
    "MaxNeuronHopsExceeded",
    "NameConflict",
    "NeuronTimeout",
    "NoHandlerError",
    "PayloadError",
    "PersistenceError",
    "RecordedFailure",
    "RunExists",
    "RunFinished",
    "RunNotFound",
    "RunNotReady",
    "StimulationAborted",
    "StimulationFailed",
    "StoreError",
    "SubscriberNotFound",
    "UnknownName",
]


class CNSError(Exception):
    """The root of every error that cnstra raises."""


class GraphError(CNSError, ValueError):
    """A part of the graph cannot be built as written."""


class BindingError(GraphError):
    """`Neuron.bind` was given too few or too many handlers.

    Attributes:
        neuron: The label of the neuron that binds.
        missing: Names of the bound axon that have no handler.
        unknown: Handlers whose name the bound axon does not have.
    """

    def __init__(self, neuron: str, missing: Sequence[str] = (), unknown: Sequence[str] = ()) -> None:
        super().__init__(neuron, missing, unknown)
        self.neuron = neuron
        self.missing = tuple(missing)
        self.unknown = tuple(unknown)

    def __str__(self) -> str:
        parts = []
        if self.missing:
            parts.append(f"no handler for {', '.join(map(repr, self.missing))}")
        if self.unknown:
            parts.append(f"the axon has no {', '.join(map(repr, self.unknown))}")
        return f"neuron {self.neuron} does not bind exhaustively: {'; '.join(parts)}"


class EventLoopRequired(CNSError, RuntimeError):
    """An awaitable handler or listener was met where no event loop runs."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return (
            f"{self.what} is asynchronous and needs a running event loop: "
            "await the run inside a coroutine, or use cns.run(...) from a script"
        )


class RunFinished(CNSError, RuntimeError):
    """Work was added to a run that has ended already."""

    def __str__(self) -> str:
        return "this run has ended: start another one with cns.activate(tasks, ctx=run.get_context())"


class HandlerReturnError(CNSError, TypeError):
    """A handler returned something other than ``None``, a signal, or a list or tuple of signals.

    Attributes:
        neuron: The label of the neuron.
        collateral: The label of the collateral that it was activated by.
        returned: What it returned, as text.
    """

    def __init__(self, neuron: str, collateral: str, returned: str) -> None:
        super().__init__(neuron, collateral, returned)
        self.neuron = neuron
        self.collateral = collateral
        self.returned = returned

    def __str__(self) -> str:
        return (
            f"the handler of neuron {self.neuron} for {self.collateral} returned {self.returned}; "
            "return None, one signal, or a list or tuple of signals"
        )


class NoHandlerError(CNSError, LookupError):
    """A modality dendrite has no handler for the modality and path of this run.

    Attributes:
        neuron: The label of the neuron.
        collateral: The label of the collateral of the dendrite.
        what: What is missing: ``"modality"`` or ``"afferent path"``.
        given: The modality or path that the run carries, as text.
    """

    def __init__(self, neuron: str, collateral: str, what: str, given: str) -> None:
        super().__init__(neuron, collateral, what, given)
        self.neuron = neuron
        self.collateral = collateral
        self.what = what
        self.given = given

    def __str__(self) -> str:
        return (
            f"neuron {self.neuron} has no handler for {self.what} {self.given} on {self.collateral} "
            "and no default: add one to its modality_dendrite"
        )


class SubscriberNotFound(CNSError, LookupError):
    """A task names a neuron and a collateral that the graph does not connect.

    Attributes:
        neuron: The label of the neuron that the task names.
        collateral: The label of the collateral that the task names.
    """

    def __init__(self, neuron: str, collateral: str) -> None:
        super().__init__(neuron, collateral)
        self.neuron = neuron
        self.collateral = collateral

    def __str__(self) -> str:
        return f"subscriber not found: neuron {self.neuron} has no dendrite on {self.collateral} in this CNS"


class NeuronTimeout(CNSError, TimeoutError):
    """A handler took longer than its neuron allows; it was cancelled.

    Attributes:
        neuron: The label of the neuron.
        max_duration: The limit, in seconds.
    """

    def __init__(self, neuron: str, max_duration: float) -> None:
        super().__init__(neuron, max_duration)
        self.neuron = neuron
        self.max_duration = max_duration

    def __str__(self) -> str:
        return f"neuron {self.neuron} exceeded its max_duration of {self.max_duration:g} s"


class MaxNeuronHopsExceeded(CNSError):
    """A neuron was about to be activated more often than `max_neuron_hops` allows.

    Attributes:
        neuron: The label of the neuron.
        max_neuron_hops: The limit of the run.
    """

    def __init__(self, neuron: str, max_neuron_hops: int) -> None:
        super().__init__(neuron, max_neuron_hops)
        self.neuron = neuron
        self.max_neuron_hops = max_neuron_hops

    def __str__(self) -> str:
        return f"neuron {self.neuron} reached max_neuron_hops={self.max_neuron_hops} in this run"


class StimulationFailed(CNSError, ExceptionGroup[Exception]):
    """A run ended, and some of its tasks or listeners had failed.

    Its members are the exceptions that were raised, the very objects, in the order in which they happened;
    each has a note that names neuron, collateral and hop.
    """

    def derive(self, excs: Sequence[Any], /) -> Any:
        """Return a group over *excs*, as `split` and ``except*`` want it: of this kind, if it can be."""
        if all(isinstance(one, Exception) for one in excs):
            return StimulationFailed(self.message, excs)
        return BaseExceptionGroup(self.message, excs)


class StimulationAborted(CNSError):
    """A run was stopped while some of its work was undone; `get_failed_tasks` lists that work.

    Attributes:
        reason: What was given to `abort`, or ``None``.
    """

    def __init__(self, reason: object = None) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return "Stimulation aborted" if self.reason is None else f"Stimulation aborted: {self.reason}"


class PersistenceError(CNSError):
    """Something about names, stored values or stores went wrong."""


class NameConflict(PersistenceError):
    """A name is held by another object, or an object has another name.

    Attributes:
        kind: ``"neuron"``, ``"collateral"``, ``"modality"`` or ``"stimulation"``.
        name: The name that was to be given.
        held_by: What holds it, or the name that the object has already, as text.
    """

    def __init__(self, kind: str, name: str, held_by: str) -> None:
        super().__init__(kind, name, held_by)
        self.kind = kind
        self.name = name
        self.held_by = held_by

    def __str__(self) -> str:
        return f"the {self.kind} name {self.name!r} conflicts with {self.held_by}; one name means one object"


class UnknownName(PersistenceError, LookupError):
    """A name or an object is not in the registry.

    Attributes:
        kind: ``"neuron"``, ``"collateral"``, ``"modality"`` or ``"afferent path"``.
        name: The unknown name, or the label of the object without a name.
        hint: What to do about it, or a name that is near.
    """

    def __init__(self, kind: str, name: str, hint: str = "") -> None:
        super().__init__(kind, name, hint)
        self.kind = kind
        self.name = name
        self.hint = hint

    def __str__(self) -> str:
        hint = self.hint or "register it in the CNSPersistOptionsRegistry"
        return f"{self.kind} {self.name!r} is not registered; {hint}"


class PayloadError(PersistenceError, ValueError):
    """A value cannot be written, or cannot be read back, without a change.

    Attributes:
        where: What the value belongs to, such as ``"collateral card_created"``.
        path: The place inside the value, such as ``"$.cards[3].image"``.
        problem: What is wrong there.
    """

    def __init__(self, where: str, path: str, problem: str) -> None:
        super().__init__(where, path, problem)
        self.where = where
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.where}: {self.problem} (at {self.path})"


class RecordedFailure(PersistenceError):
    """A failure of an earlier attempt, as it was stored: the exception itself died with its process.

    Attributes:
        type_name: The class of the exception, such as ``"ValueError"``.
        message: Its text.
    """

    def __init__(self, type_name: str, message: str) -> None:
        super().__init__(type_name, message)
        self.type_name = type_name
        self.message = message

    def __str__(self) -> str:
        return f"{self.type_name}: {self.message}"


class RunNotFound(PersistenceError, LookupError):
    """No stored run has this id in this scope."""

    def __init__(self, stimulation_id: str) -> None:
        super().__init__(stimulation_id)
        self.stimulation_id = stimulation_id

    def __str__(self) -> str:
        return f"no run {self.stimulation_id!r} is stored in this scope"


class RunExists(PersistenceError):
    """A run with this id is stored already, and `on_conflict="raise"` was asked for."""

    def __init__(self, stimulation_id: str, status: str) -> None:
        super().__init__(stimulation_id, status)
        self.stimulation_id = stimulation_id
        self.status = status

    def __str__(self) -> str:
        return f"run {self.stimulation_id!r} exists already and is {self.status}"


class RunNotReady(PersistenceError):
    """The stored run is not in a state that allows what was asked.

    Attributes:
        stimulation_id: The run.
        status: The status that it has.
        problem: Why that is in the way, and what to do.
    """

    def __init__(self, stimulation_id: str, status: str, problem: str) -> None:
        super().__init__(stimulation_id, status, problem)
        self.stimulation_id = stimulation_id
        self.status = status
        self.problem = problem

    def __str__(self) -> str:
        return f"run {self.stimulation_id!r} is {self.status}: {self.problem}"


class StoreError(PersistenceError):
    """A store could not be opened, read or written; the message names it."""


class Fenced(StoreError):
    """Another worker has taken this run over; what this worker still did changed nothing.

    Attributes:
        stimulation_id: The run.
        fence: The fence number that this worker held.
    """

    def __init__(self, stimulation_id: str, fence: int) -> None:
        super().__init__(stimulation_id, fence)
        self.stimulation_id = stimulation_id
        self.fence = fence

    def __str__(self) -> str:
        return (
            f"run {self.stimulation_id!r} was taken over by another worker (fence {self.fence} is old); this one stops"
        )
