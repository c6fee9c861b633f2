"""The progress of a run, by names, as JSON-safe data: what is outstanding, and the neurons' context values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, final

from cnstra.core.context import CNSStimulationContextStore
from cnstra.core.signals import Signal
from cnstra.core.tasks import ActivationTask
from cnstra.errors import PayloadError, UnknownName
from cnstra.persist.parts import key_suffix, short

if TYPE_CHECKING:
    from cnstra.core.neurons import Neuron
    from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["Progress", "ProgressSerializer", "Run"]

T = TypeVar("T")


class _Values(Protocol):
    def get_all(self) -> Mapping[Neuron[Any], Any]:
        """Return all values by neuron."""
        ...


class Run(Protocol):
    """What can be serialized: a `Stimulation`, or anything of its shape."""

    def get_outstanding_tasks(self) -> list[ActivationTask]:
        """Return what is still to be done."""
        ...

    def get_context(self) -> _Values:
        """Return the context values of the run."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run as objects: ``cns.activate(progress.tasks, ctx=progress.ctx)`` goes on from there.

    Attributes:
        tasks: What is still to be done, in order.
        ctx: The context values, by neuron.
    """

    tasks: list[ActivationTask]
    ctx: CNSStimulationContextStore


@final
class ProgressSerializer:
    """Writes the progress of a run by names, and makes tasks and a context store of it again, in any process.

    Args:
        registry: Names the neurons and collaterals, and knows their types.
    """

    def __init__(self, registry: CNSPersistOptionsRegistry) -> None:
        self._registry = registry

    def serialize(self, stimulation: Run) -> dict[str, Any]:
        """Return the progress of *stimulation* as JSON-safe data, a copy that later changes of the run do not touch.

        ``{"tasks": [{"neuron_name", "dendrite_collateral_name", "input": {"collateral_name", "payload"} | None}],
        "context": {neuron_name: value}}``; a task has a ``"dendrite_index"``, and an input a ``"version"``, where they
        are not the first.

        Raises:
            PayloadError: If a payload or a context value would not come back equal and of its declared type.
            UnknownName: If a neuron or a collateral in it is not registered.
        """
        return {
            "tasks": [self._written_task(task) for task in stimulation.get_outstanding_tasks()],
            "context": {
                self._registry.require_neuron_name(neuron): self._registry.dump_context(neuron, value)
                for neuron, value in stimulation.get_context().get_all().items()
            },
        }

    def hydrate(self, data: Mapping[str, Any]) -> Progress:
        """Return the progress that `serialize` wrote as *data*.

        Raises:
            PayloadError: If *data* is malformed, or holds a value that its declared type does not take; it says where.
            UnknownName: If a name in it is not registered; it says where.
        """
        record = _record(data, "$", {"tasks": list, "context": dict})
        tasks = [self._read_task(task, f"$.tasks[{index}]") for index, task in enumerate(record["tasks"])]
        ctx = CNSStimulationContextStore(self._registry)
        ctx.set_all(self._read_context(record["context"]))
        return Progress(tasks, ctx)

    def _written_task(self, task: ActivationTask) -> dict[str, Any]:
        written: dict[str, Any] = {
            "neuron_name": self._registry.require_neuron_name(task.neuron),
            "dendrite_collateral_name": self._registry.require_collateral_name(task.dendrite_collateral),
            "input": None if task.input is None else self._written_input(task.input),
        }
        if task.dendrite_index > 0:
            written["dendrite_index"] = task.dendrite_index
        return written

    def _written_input(self, signal: Signal[Any]) -> dict[str, Any]:
        name = self._registry.require_collateral_name(signal.collateral)
        version, payload = self._registry.dump_payload(signal.collateral, signal.payload)
        written = {"collateral_name": name, "payload": payload}
        return written if version == 1 else {**written, "version": version}

    def _read_task(self, data: object, path: str) -> ActivationTask:
        needed = {"neuron_name": str, "dendrite_collateral_name": str, "input": (dict, NoneType)}
        task = _record(data, path, needed, {"dendrite_index": int})
        neuron = _named(self._registry.require_neuron, task["neuron_name"], f"{path}.neuron_name")
        place = f"{path}.dendrite_collateral_name"
        collateral = _named(self._registry.require_collateral, task["dendrite_collateral_name"], place)
        index = task.get("dendrite_index", 0)
        dendrites = len(neuron.dendrites_on(collateral))
        if dendrites == 0:
            problem = f"neuron {task['neuron_name']!r} has no dendrite on {task['dendrite_collateral_name']!r}"
            raise PayloadError(_WHERE, place, problem)
        if not 0 <= index < dendrites:
            problem = (
                f"neuron {task['neuron_name']!r} has {dendrites} dendrites on {task['dendrite_collateral_name']!r}"
            )
            raise PayloadError(_WHERE, f"{path}.dendrite_index", f"{problem}, and none has index {index}")
        signal = None if task["input"] is None else self._read_input(task["input"], f"{path}.input")
        return ActivationTask(neuron, collateral, signal, index)

    def _read_input(self, data: object, path: str) -> Signal[Any]:
        signal = _record(data, path, {"collateral_name": str, "payload": object}, {"version": int})
        collateral = _named(self._registry.require_collateral, signal["collateral_name"], f"{path}.collateral_name")
        try:
            payload = self._registry.load_payload(collateral, signal.get("version", 1), signal["payload"])
        except PayloadError as error:
            raise _moved(error, f"{path}.payload") from error
        return collateral.create_signal(payload)

    def _read_context(self, data: dict[str, Any]) -> dict[Neuron[Any], Any]:
        values: dict[Neuron[Any], Any] = {}
        for name, value in data.items():
            path = f"$.context{key_suffix(name)}"
            neuron = _named(self._registry.require_neuron, name, path)
            if neuron in values:
                raise PayloadError(_WHERE, path, "another name of this neuron has a value in the same record")
            try:
                values[neuron] = self._registry.load_context(neuron, value)
            except PayloadError as error:
                raise _moved(error, path) from error
        return values


_WHERE = "stored progress"
_Kinds: TypeAlias = Mapping[str, Any]


def _record(data: object, path: str, needed: _Kinds, optional: _Kinds = MappingProxyType({})) -> dict[str, Any]:
    """Return *data* if it is an object with the *needed* keys, perhaps the *optional* ones, and no others."""
    if not isinstance(data, dict):
        raise PayloadError(_WHERE, path, f"this must be an object, not {short(data)}")
    for key in needed.keys() - data.keys():
        raise PayloadError(_WHERE, path, f"the key {key!r} is missing")
    for key, value in data.items():
        kind = needed.get(key) or optional.get(key)
        if kind is None:
            raise PayloadError(_WHERE, path + key_suffix(key), "this key is unknown; newer code may have written it")
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise PayloadError(_WHERE, path + key_suffix(key), f"{short(value)} is of the wrong type")
    return data


def _named(require: Callable[[str], T], name: str, path: str) -> T:
    try:
        return require(name)
    except UnknownName as error:
        raise UnknownName(error.kind, error.name, f"{error.hint} (at {path})") from error


def _moved(error: PayloadError, path: str) -> PayloadError:
    return PayloadError(error.where, path + error.path.removeprefix("$"), error.problem)
