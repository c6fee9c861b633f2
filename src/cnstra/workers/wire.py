"""The progress of a run as the TypeScript original keeps it in a job: the same data in camel case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

__all__ = ["from_wire", "is_progress", "to_wire"]

_TASK: Final = {
    "neuron_name": "neuronName",
    "dendrite_collateral_name": "dendriteCollateralName",
    "dendrite_index": "dendriteIndex",
}
_INPUT: Final = {"collateral_name": "collateralName", "payload": "payload", "version": "version"}


def to_wire(progress: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `ProgressSerializer.serialize` has written, as ``{"tasks": [...], "context": {...}}`` in camel case.

    A task is ``{"neuronName", "dendriteCollateralName", "input": {"collateralName", "payload"}}``, without an ``input``
    where it was given none.
    """
    return {"tasks": [_wire_task(task) for task in progress["tasks"]], "context": dict(progress["context"])}


def from_wire(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return *data* as `ProgressSerializer.hydrate` takes it, which refuses what is malformed.

    Keys that this code does not know are passed over.
    """
    return {"tasks": [_plain_task(task) for task in data["tasks"]], "context": data["context"]}


def is_progress(data: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether *data* is the progress of a run, and not something else that a broker or a user keeps there."""
    return isinstance(data, Mapping) and isinstance(data.get("tasks"), list) and isinstance(data.get("context"), dict)


def _wire_task(task: Mapping[str, Any]) -> dict[str, Any]:
    wire = {key: task[name] for name, key in _TASK.items() if name in task}
    if task["input"] is not None:
        wire["input"] = {key: task["input"][name] for name, key in _INPUT.items() if name in task["input"]}
    return wire


def _plain_task(task: Any) -> Any:
    if not isinstance(task, Mapping):
        return task
    plain = {name: task[key] for name, key in _TASK.items() if key in task}
    given = task.get("input")
    if isinstance(given, Mapping):
        signal = {name: given[key] for name, key in _INPUT.items() if key in given}
        given = {"payload": None, **signal}
    return {**plain, "input": given}
