"""Why a store ends a run that nobody runs: the words are the same whichever store says them."""

from __future__ import annotations

from cnstra.persist.records import ErrorRecord

__all__ = ["aborted_on_request", "poisoned"]


def aborted_on_request(reason: str) -> ErrorRecord:
    """Return the error of a run that nobody held when its abort was requested."""
    return ErrorRecord("StimulationAborted", reason)


def poisoned(max_recoveries: int) -> ErrorRecord:
    """Return the error of a run that has cost one worker after the other its life."""
    return ErrorRecord(
        "PoisonRun",
        f"it was recovered {max_recoveries} times in a row, and its worker died each time before a hop was committed; "
        "look for what kills the process (a crash in native code, memory), then retry it",
    )
