"""Putting what happened into words."""

from __future__ import annotations

from cnstra.persist.records import Page, RunRecord, RunState, WorkerRecord

__all__ = ["in_brief"]


def in_brief(thing: object) -> str:
    """Return what a person wants to know of an answer of the store."""
    match thing:
        case tuple():
            words = ", ".join(map(in_brief, thing))
        case list():
            words = f"[{', '.join(map(in_brief, thing))}]"
        case RunState():
            words = f"{thing.run.stimulation_id} under fence {thing.run.fence}"
        case RunRecord():
            words = f"{thing.stimulation_id} {thing.status}"
        case WorkerRecord():
            words = f"{thing.worker_id}{' (expired)' if thing.expired else ''}"
        case Page():
            words = f"{len(thing)} runs"
        case _:
            words = str(thing)
    return words
