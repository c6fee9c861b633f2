"""Branching off from a stored run: one activation of its history, with the contexts as they stood then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

from cnstra.durable.run_options import EntryTask
from cnstra.errors import UnknownName
from cnstra.persist.records import SignalRow, StoredTask

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.durable.naming import SubscriberNames

__all__ = ["UNCHANGED", "Branch", "branch_at", "checked"]

UNCHANGED: Final = object()
"""In place of a payload: the one that the task had."""


@final
@dataclass(frozen=True, slots=True)
class Branch:
    """How a run begins that starts in the middle of its graph.

    Attributes:
        task: The one activation of its frontier.
        input: What that is given; ``None`` if it is given nothing.
        contexts: Neuron name to the JSON value that it finds.
    """

    task: EntryTask
    input: SignalRow | None
    contexts: Mapping[str, bytes]


def branch_at(history: Sequence[StoredTask], ordinal: int, initial: Mapping[str, bytes]) -> Branch | None:
    """Return the branch at task *ordinal*, as it was just before that task settled, for the last time if it failed.

    Args:
        history: The settled tasks of the run, in order.
        ordinal: Which task.
        initial: The contexts that the run began with.

    Returns:
        The branch; ``None`` if no task of this ordinal has settled.
    """
    places = [place for place, stored in enumerate(history) if stored.settled.ordinal == ordinal]
    if not places:
        return None
    contexts = dict(initial)
    for stored in history[: places[-1]]:
        for name, value in (stored.settled.contexts or {}).items():
            if value is None:
                contexts.pop(name, None)
            else:
                contexts[name] = value
    task, given = history[places[-1]].settled.task, history[places[-1]].input
    entry = EntryTask(task.neuron_name, task.collateral_name, task.dendrite_index)
    return Branch(entry, None if given is None else given._replace(ordinal=0, producer=None), contexts)


def checked(branch: Branch, cns: CNS[Any], names: SubscriberNames, payload: Any) -> Branch:
    """Return *branch* in the names and versions of the code at hand.

    Args:
        branch: Perhaps written by older code.
        cns: The graph.
        names: Its names.
        payload: Instead of the payload that it has; or `UNCHANGED`.

    Raises:
        UnknownName: If the graph does not have the dendrite, or a neuron that has a context value.
        PayloadError: If *payload* cannot be stored unchanged, or a stored value cannot be read as its declared type.
    """
    registry = names.registry
    neuron = registry.require_neuron(branch.task.neuron_name)
    collateral = registry.require_collateral(branch.task.collateral_name)
    subscriber = cns.find_subscriber(neuron, collateral, branch.task.dendrite_index)
    if subscriber is None:
        hint = f"neuron {branch.task.neuron_name!r} has no dendrite number {branch.task.dendrite_index} on it here"
        raise UnknownName("dendrite", branch.task.collateral_name, hint)
    names_of_task = names.of(subscriber)
    given = branch.input
    if payload is UNCHANGED and given is not None:
        payload = registry.decode_payload(collateral, given.version, given.payload)
    if payload is not UNCHANGED:
        given = SignalRow(0, names_of_task[1], *registry.encode_payload(collateral, payload))
    contexts = {}
    for name, value in branch.contexts.items():
        owner = registry.require_neuron(name)
        registry.decode_context(owner, value)
        contexts[registry.require_neuron_name(owner)] = value
    return Branch(EntryTask(*names_of_task, subscriber.index), given, contexts)
