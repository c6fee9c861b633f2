"""Why a run failed, in one answer: what failed, with which input, what is left, and what a retry would run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

from pydantic import Field

from cnstra.inspection.details import Details
from cnstra.inspection.histories import History
from cnstra.inspection.views import Data, Views
from cnstra.mcp.answers import Answer, Value
from cnstra.mcp.shown_runs import Activation, ErrorText, LogLine, RunBrief, Signal
from cnstra.persist.records import FrontierTask, RunRecord

__all__ = ["Failure", "explained"]

_FAILED: Final = 5
_LEFT: Final = 50
_LINES: Final = 20
_CHANGES: Final = 40
_NOTE: Final = "large; get_task with include_payload=true and full=true shows it whole"


class Change(Answer):
    """One place of a context value that an activation changed."""

    path: Annotated[str, Field(description="Such as $.cards[3].title.")]
    before: Annotated[Any, Field(description="null if it was not there.")] = None
    after: Annotated[Any, Field(description="null if it is there no more.")] = None


class ContextChanges(Answer):
    """What the latest activation that changed a context did to it."""

    neuron_name: str
    by_ordinal: int
    changes: Sequence[Change]


class FailedActivation(Answer):
    """An activation that failed and would run again."""

    ordinal: int
    activation_id: str
    neuron_name: str
    collateral_name: str
    error: ErrorText
    input: Signal | None = None
    context: Annotated[Value | None, Field(description="What its neuron kept when it failed.")] = None
    logs: Annotated[Sequence[LogLine], Field(description="What it logged; the latest twenty lines.")] = ()


class Failure(Answer):
    """Why a run failed or was aborted, and what can be done."""

    summary: Annotated[str, Field(description="The answer in a few sentences.")]
    run: RunBrief
    error: Annotated[ErrorText | None, Field(description="Of the run as a whole.")] = None
    failed: Annotated[Sequence[FailedActivation], Field(description="What failed; the first five.")]
    failed_total: int
    left: Annotated[Sequence[Activation], Field(description="What had not run yet; the first fifty.")]
    left_total: int
    last_context_change: ContextChanges | None = None
    retry_runs: Annotated[Sequence[str], Field(description="Activations that a retry would run, as neuron (ordinal).")]


def explained(
    run: RunRecord, history: History, frontier: Sequence[FrontierTask], views: Views, details: Details
) -> Failure:
    """Return why a run failed."""
    broken = [one for one in frontier if one.task.failure is not None]
    waiting = [one for one in frontier if one.task.failure is None]
    last = _last_settled(run, history, details)
    failed = [_failed(details.left(run, one), last) for one in broken[:_FAILED]]
    return Failure(
        summary=" ".join(_summary(run, failed, len(broken), len(waiting))),
        run=RunBrief.of(views.run(run)),
        error=None if run.error is None else ErrorText.of(views.error(run.error) or {}),
        failed=failed,
        failed_total=len(broken),
        left=[Activation.of(views.left(run, one)) for one in waiting[:_LEFT]],
        left_total=len(waiting),
        last_context_change=_last_change(history, details, run),
        retry_runs=[f"{one.task.neuron_name} ({one.task.ordinal})" for one in frontier[:_LEFT]] if _ends(run) else [],
    )


def _last_settled(run: RunRecord, history: History, details: Details) -> dict[int, Data]:
    """Return the contexts around the latest try of each activation that failed, by its ordinal."""
    failed = {one.settled.ordinal: one for one in history.tasks if one.settled.status == "failed"}
    latest = list(failed.values())[-_FAILED:]
    return {one.settled.ordinal: details.settled(run, history, one) for one in latest}


def _failed(shown: Data, last: dict[int, Data]) -> FailedActivation:
    tried = last.get(shown["ordinal"], {})
    contexts, logs = tried.get("contexts", ()), tried.get("logs", ())[-_LINES:]
    own = [one["before"] for one in contexts if one["neuron_name"] == shown["neuron_name"]]
    given = shown["input"]
    signal = None if given is None else Signal.of({**given, "payload": Value.shown(given["payload"], _NOTE)})
    return FailedActivation.of(
        {**shown, "input": signal, "context": Value.shown(own[0], _NOTE) if own else None, "logs": logs}
    )


def _summary(run: RunRecord, failed: Sequence[FailedActivation], broken: int, waiting: int) -> Iterator[str]:
    yield f"Run {run.stimulation_id!r} is {run.status}, in attempt {run.attempt_number}."
    for one in failed[:1]:
        yield (
            f"Neuron {one.neuron_name!r} failed on {one.collateral_name!r} (activation {one.ordinal}): "
            f"{one.error.type_name}: {one.error.message.rstrip('.')}."
        )
    if broken > 1:
        yield f"{_counted(broken - 1)} more failed."
    if run.status == "failed" and not failed:
        yield "No activation is left that failed: the error is of the run itself, such as of a listener or a limit."
    if waiting:
        yield f"{_counted(waiting)} waited to run."
    yield _what_next(run, broken + waiting)


def _what_next(run: RunRecord, left: int) -> str:
    match run.status:
        case "failed" | "aborted":
            return f"A retry would run what is left, {_counted(left)}, and nothing that is done."
        case "completed":
            return "There is nothing to retry."
        case _:
            return "It is not over, so that there is nothing to retry yet."


def _counted(activations: int) -> str:
    return f"{activations} activation{'' if activations == 1 else 's'}"


def _ends(run: RunRecord) -> bool:
    return run.status in {"failed", "aborted"}


# ---- contexts --------------------------------------------------------------------------------------------------


def _last_change(history: History, details: Details, run: RunRecord) -> ContextChanges | None:
    for stored in reversed(history.tasks):
        if not stored.settled.contexts:
            continue
        for one in details.settled(run, history, stored)["contexts"]:
            if one["is_changed"]:
                before, after = (None if one[name] is None else one[name]["data"] for name in ("before", "after"))
                changes = [change for _, change in zip(range(_CHANGES), _differences(before, after, "$"), strict=False)]
                data = {"neuron_name": one["neuron_name"], "by_ordinal": stored.settled.ordinal, "changes": changes}
                return ContextChanges.of(data)
    return None


def _differences(before: Any, after: Any, path: str) -> Iterator[Data]:
    """Yield where two values of JSON data differ, in the order of the later one."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*after, *before]):
            yield from _differences(before.get(key), after.get(key), f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list):
        for place in range(max(len(before), len(after))):
            was, now = (one[place] if place < len(one) else None for one in (before, after))
            yield from _differences(was, now, f"{path}[{place}]")
    else:
        yield {"path": path, "before": before, "after": after}
