"""Whether a run has a text in it, as far as it is shown: what is not shown must not be found by guessing, either."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from cnstra.inspection.details import Details
from cnstra.persist.records import RunRecord

__all__ = ["Matches", "has_text"]

Matches: TypeAlias = Callable[[RunRecord], bool]
"""Tells whether a run is wanted."""


def has_text(text: str, details: Details) -> Matches:
    """Return what tells whether a text is in a run: in its id, error, metadata, or the signals that it began with.

    Upper and lower case are the same. Of large payloads the part is looked at that is shown.
    """
    wanted = text.casefold()

    def matches(run: RunRecord) -> bool:
        if wanted in run.stimulation_id.casefold():
            return True
        shown = details.run(run)
        signals = [(one["collateral_name"], one["payload"]["data"]) for one in shown["entry_signals"]]
        parts = [signals, shown["metadata"]["data"], shown["error"]]
        return any(wanted in one.casefold() for one in _texts(parts))

    return matches


def _texts(data: Any) -> Iterator[str]:
    stack = [data]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            stack.extend(part.values())
        elif isinstance(part, (list, tuple)):
            stack.extend(part)
        elif part is not None:
            yield str(part)
