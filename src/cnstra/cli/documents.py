"""The documents that ``--json`` prints; `SCHEMAS` names those that ``docs/schemas`` describes.

Points in time are RFC 3339 in UTC, durations seconds. A newer version may add fields; what is there keeps its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from cnstra.graphs import GraphModel
from cnstra.persist.commands import CommandKind, CommandStatus
from cnstra.persist.records import AttemptStatus, RunStatus, Volume

__all__ = [
    "SCHEMAS",
    "Action",
    "Attempt",
    "CheckDocument",
    "CheckProblem",
    "Enqueued",
    "Failure",
    "LogLine",
    "Outcome",
    "Purged",
    "Run",
    "RunDocument",
    "RunList",
    "Signal",
    "StatusLine",
    "StoreNumbers",
    "StoreReady",
    "Task",
    "TaskLine",
    "schema_of",
    "utc",
]

ActionName = Literal["retry", "clone", "fork", "abort", "delete"]


class Failure(Struct, frozen=True):
    """An exception as it was stored."""

    type: str
    message: str
    traceback: Annotated[str | None, Meta(description="null in lists.")] = None


class Signal(Struct, frozen=True):
    """A stored signal."""

    collateral: str
    version: Annotated[int, Meta(description="Version of the declared type that the payload was written in.")]
    payload: Annotated[Any, Meta(description="Any JSON value; text that begins with 'unreadable:' if it is none.")]


class Run(Struct, frozen=True):
    """A run as a list shows it, without payloads."""

    stimulation_id: str
    scope: str
    status: RunStatus
    entry: Annotated[Sequence[str], Meta(description="Collaterals of the signals that it was started with.")]
    attempt_number: Annotated[int, Meta(description="Of the latest attempt, from 1; 0 if none has started.")]
    hop_count: Annotated[int, Meta(description="Activations that settled, over all attempts.")]
    outstanding: Annotated[int, Meta(description="Tasks that are left, failed ones included.")]
    owner: Annotated[str | None, Meta(description="The worker that holds it.")]
    recoveries: Annotated[int, Meta(description="Attempts that were lost with their worker.")]
    volume: Volume
    priority: int
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    due_at: Annotated[datetime | None, Meta(description="When it may be taken; null: at once.")]
    abort_requested: Annotated[str | None, Meta(description="Why its owner is asked to abort it.")]
    clone_of: str | None
    forked_from: str | None
    forked_task: int | None
    error: Failure | None


class RunList(Struct, frozen=True):
    """Some runs, the newest first."""

    runs: Sequence[Run]
    cursor: Annotated[str | None, Meta(description="Gets the next page by --cursor; null after the last one.")]


class Attempt(Struct, frozen=True):
    """One start or resume of a run."""

    attempt_number: int
    status: AttemptStatus
    worker_id: str
    started_at: datetime
    ended_at: datetime | None
    hop_count: int
    error: Failure | None


class LogLine(Struct, frozen=True):
    """What a handler has logged."""

    at: datetime
    level: str
    logger_name: str
    message: str


class Task(Struct, frozen=True):
    """One activation: of the history (done, failed), or of the frontier (outstanding, failed)."""

    ordinal: Annotated[int, Meta(description="Its place in the run's sequence of activations.")]
    activation_id: Annotated[str, Meta(description="The idempotency key that its handler had.")]
    attempt_number: Annotated[int | None, Meta(description="The attempt it settled in; null in the frontier.")]
    neuron: str
    collateral: str
    dendrite_index: int
    status: Literal["outstanding", "done", "failed"]
    started_at: datetime | None
    duration: Annotated[float | None, Meta(description="Seconds until it settled.")]
    input: Signal | None
    output: Sequence[Signal]
    error: Failure | None
    contexts: Annotated[dict[str, Any], Meta(description="Neuron to the context value it was given; null: deleted.")]
    logs: Annotated[Sequence[LogLine], Meta(description="What its handler logged, as far as the runner keeps it.")]


class Command(Struct, frozen=True):
    """What somebody has ordered, and what has become of it."""

    key: str
    kind: CommandKind
    stimulation_id: Annotated[str | None, Meta(description="The run that it is about; null for stimulate.")]
    actor: Annotated[str, Meta(description="Who ordered it.")]
    status: CommandStatus
    ordered_at: datetime
    ended_at: datetime | None
    taken_by: Annotated[str | None, Meta(description="The worker that took it last.")]
    outcome: Annotated[str | None, Meta(description="What was done, or why not.")]
    made: Annotated[str | None, Meta(description="The run that came of it.")]


class RunDocument(Struct, frozen=True):
    """Everything that a store has of one run."""

    format: Annotated[Literal[1], Meta(description="Version of this format.")]
    run: Run
    entry: Annotated[Sequence[Signal], Meta(description="The signals that it was started with.")]
    metadata: dict[str, Any]
    attempts: Sequence[Attempt]
    tasks: Annotated[Sequence[Task], Meta(description="The history; empty for volume progress.")]
    frontier: Annotated[Sequence[Task], Meta(description="What is left.")]
    commands: Annotated[
        Sequence[Command],
        Meta(description="What was ordered about it, and what made it; the latest 100, latest first."),
    ]


class TaskLine(Struct, frozen=True, tag_field="event", tag="task"):
    """A line of ``runs tail``: an activation has settled."""

    task: Task


class StatusLine(Struct, frozen=True, tag_field="event", tag="status"):
    """A line of ``runs tail``: the run is in this state now; the last line has its end."""

    run: Run


class Outcome(Struct, frozen=True):
    """What became of one run that something was to be done to."""

    stimulation_id: Annotated[str, Meta(description="The run; of a clone or a fork, the new one.")]
    done: bool
    status: Annotated[RunStatus | None, Meta(description="What it has now; null if it is not stored.")]
    source: Annotated[str | None, Meta(description="Of a clone or a fork, the run it was made of.")] = None
    problem: Annotated[str | None, Meta(description="Why nothing was done.")] = None


class Action(Struct, frozen=True):
    """What was done."""

    action: ActionName
    runs: Sequence[Outcome]


class Purged(Struct, frozen=True):
    """How many runs were dropped."""

    dropped: int


class Enqueued(Struct, frozen=True, omit_defaults=True):
    """A job that was handed to a broker, or a run that was stored."""

    id: str
    collateral: str
    broker: str | None = None
    queue: str | None = None
    store: str | None = None


class CheckProblem(Struct, frozen=True):
    """One reason why this code could not resume runs."""

    kind: str
    name: str
    problem: str
    count: Annotated[int, Meta(description="How many runs have it; 0 for a part of the graph.")]
    stimulation_ids: Annotated[Sequence[str], Meta(description="The first ten of them.")]


class CheckDocument(Struct, frozen=True):
    """What this code could not resume."""

    clean: bool
    checked: Annotated[int, Meta(description="Runs that were looked at.")]
    unfit: Annotated[int, Meta(description="Runs that this code could not resume.")]
    complete: Annotated[bool, Meta(description="Whether every run was looked at.")]
    problems: Sequence[CheckProblem]


class StoreReady(Struct, frozen=True):
    """A store whose schema is that of this version."""

    store: str


class StoreNumbers(Struct, frozen=True):
    """A store in numbers."""

    store: str
    scope: str
    runs: Annotated[dict[RunStatus, int], Meta(description="Of this scope; every status is there.")]
    oldest_open_at: Annotated[datetime | None, Meta(description="When the oldest run that is not over was stored.")]
    size: Annotated[int | None, Meta(description="Bytes, all scopes together; null if the store cannot tell.")]
    workers: Annotated[int, Meta(description="Workers that live.")]
    expired_workers: Annotated[int, Meta(description="Workers whose lease has ended.")]


SCHEMAS: Final[Mapping[str, Any]] = {
    "action": Action,
    "check": CheckDocument,
    "enqueue": Enqueued,
    "graph": GraphModel,
    "purge": Purged,
    "run": RunDocument,
    "runs": RunList,
    "store-migrate": StoreReady,
    "store-stats": StoreNumbers,
    "tail": TaskLine | StatusLine,
}
"""Name of a document to its type."""


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a document."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(SCHEMAS[name])}


def utc(at: float) -> datetime:
    """Return seconds since the epoch as a point in time."""
    return datetime.fromtimestamp(at, UTC)
