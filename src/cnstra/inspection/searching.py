"""Whether a run has a text in it, as far as it is shown: what is not shown must not be found by guessing, either."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from cnstra.inspection.details import Details
from cnstra.persist.records import RunRecord, SignalRow

__all__ = ["Matches", "MatchesSignal", "has_text", "signal_has_text"]

Matches: TypeAlias = Callable[[RunRecord], bool]
"""Tells whether a run is wanted."""
MatchesSignal: TypeAlias = Callable[[SignalRow], bool]
"""Tells whether a run is wanted that has a signal in its history, or left in its frontier."""


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


def signal_has_text(text: str, details: Details) -> MatchesSignal:
    """Return what tells whether a text is in the payload of a signal, as far as that is shown."""
    wanted = text.casefold()
    forms = {wanted, json.dumps(wanted, ensure_ascii=False)[1:-1], json.dumps(wanted)[1:-1]}

    def matches(signal: SignalRow) -> bool:
        stored = signal.payload.decode(errors="replace").casefold()
        if not any(form in stored for form in forms):  # then it is not in what is shown of it either
            return False
        return any(wanted in one.casefold() for one in _texts(details.signal(signal)["payload"]["data"]))

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
