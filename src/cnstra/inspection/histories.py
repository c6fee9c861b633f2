"""What a history tells beyond its rows: when an activation was queued, and which context it found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import final

from cnstra.persist.records import AttemptRecord, RunRecord, StoredTask

__all__ = ["ContextChange", "History"]


@final
class ContextChange:
    """The context value of one neuron around one activation, as JSON; ``None`` where it had none.

    Attributes:
        neuron_name: The neuron.
        before: The value as of the activations that settled earlier.
        after: The value when this one had settled.
    """

    __slots__ = ("after", "before", "neuron_name")

    def __init__(self, neuron_name: str, before: bytes | None, after: bytes | None) -> None:
        self.neuron_name = neuron_name
        self.before = before
        self.after = after


@final
class History:
    """The settled activations of one run, of all its attempts, in order.

    Args:
        run: The run.
        attempts: Its attempts.
        tasks: Its history.
    """

    def __init__(self, run: RunRecord, attempts: Sequence[AttemptRecord], tasks: Sequence[StoredTask]) -> None:
        self._run = run
        self._started = {attempt.attempt_number: attempt.started_at for attempt in attempts}
        self._emitted = {
            stored.settled.ordinal: stored.settled.started_at + stored.settled.duration
            for stored in tasks
            if stored.settled.status == "done"
        }
        self.tasks = tasks

    def find(self, attempt_number: int, ordinal: int) -> StoredTask | None:
        """Return an activation as it settled in one attempt."""
        for stored in self.tasks:
            if stored.settled.ordinal == ordinal and stored.settled.attempt_number == attempt_number:
                return stored
        return None

    def queued_at(self, stored: StoredTask) -> float | None:
        """Return since when an activation waited: its signal was emitted then, or its attempt began.

        ``None`` if that is not known: of volume ``progress``, or of a signal whose history is not there.
        """
        producer = None if stored.input is None else stored.input.producer
        emitted = self._run.created_at if producer is None else self._emitted.get(producer)
        begun = self._started.get(stored.settled.attempt_number)
        if emitted is None or begun is None:
            return None
        return min(max(emitted, begun), stored.settled.started_at)  # the clocks of two machines may differ

    def contexts(self) -> Iterator[tuple[StoredTask, Sequence[ContextChange]]]:
        """Yield each activation with the context of its own neuron, and of those that it changed."""
        known: dict[str, bytes | None] = dict(_initial_contexts(self._run.options))
        for stored in self.tasks:
            changed = stored.settled.contexts or {}
            yield (
                stored,
                [
                    ContextChange(name, known.get(name), changed.get(name, known.get(name)))
                    for name in dict.fromkeys([stored.settled.task.neuron_name, *changed])
                    if name in known or name in changed
                ],
            )
            known.update(changed)

    def contexts_of(self, stored: StoredTask) -> Sequence[ContextChange]:
        """Return the contexts around one activation."""
        return next(changes for other, changes in self.contexts() if other is stored)


def _initial_contexts(options: bytes) -> Mapping[str, bytes]:
    """Return the contexts that a fork began with."""
    try:
        stored = json.loads(options)
    except (ValueError, RecursionError):
        return {}
    found = stored.get("contexts") if isinstance(stored, dict) else None
    given = found.items() if isinstance(found, dict) else ()
    return {name: text.encode("utf-8", "surrogatepass") for name, text in given if isinstance(text, str)}
