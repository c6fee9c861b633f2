"""Stored records as the API shows them. Lists have no payloads: a signal there is its name and its size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias, final

import msgspec

from cnstra.durable.commands import command_info, version_of
from cnstra.durable.naming import activation_prefix
from cnstra.inspection.redacting import Redaction
from cnstra.inspection.refs import ref_of
from cnstra.persist.commands import CommandRecord
from cnstra.persist.records import (
    AttemptRecord,
    ErrorRecord,
    FrontierTask,
    LogLine,
    RunRecord,
    SignalRow,
    StoredTask,
    TaskRow,
    WorkerRecord,
)

__all__ = ["Data", "Views"]

Data: TypeAlias = Mapping[str, Any]
_BRIEF: Final = 300
_LONGEST: Final = 100_000


@final
class Views:
    """Shows records, without the secrets in their texts.

    Args:
        redaction: What must not be shown.
    """

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction

    def run(self, run: RunRecord) -> Data:
        """Return a run as a list shows it."""
        return {
            "ref": ref_of(run.stimulation_id),
            "stimulation_id": run.stimulation_id,
            "status": run.status,
            "version": version_of(run),
            "entry": [signal.collateral_name for signal in run.entry],
            "attempt_number": run.attempt_number,
            "owner": run.owner,
            "recoveries": run.recoveries,
            "starts": run.starts,
            "hop_count": run.hop_count,
            "outstanding": run.outstanding,
            "created_at": run.created_at,
            "updated_at": run.updated_at,
            "ended_at": run.ended_at,
            "due_at": run.due_at,
            "priority": run.priority,
            "volume": run.volume,
            "error": self.brief(run.error),
            "clone_of": _link(run.clone_of),
            "forked_from": _link(run.forked_from),
            "forked_task": run.forked_task,
            "abort_requested": None if run.abort_requested is None else self._text(run.abort_requested, _BRIEF),
        }

    def attempt(self, attempt: AttemptRecord) -> Data:
        """Return one attempt."""
        return {
            "attempt_number": attempt.attempt_number,
            "status": attempt.status,
            "worker_id": attempt.worker_id,
            "started_at": attempt.started_at,
            "ended_at": attempt.ended_at,
            "hop_count": attempt.hop_count,
            "error": self.error(attempt.error),
        }

    def settled(self, run: RunRecord, stored: StoredTask, queued_at: float | None) -> Data:
        """Return an activation of the history."""
        settled = stored.settled
        return {
            **_activation(run, settled.task, stored.input),
            "attempt_number": settled.attempt_number,
            "status": settled.status,
            "queued_at": queued_at,
            "started_at": settled.started_at,
            "duration": settled.duration,
            "outputs": [self.signal(signal) for signal in stored.outputs],
            "contexts": list(settled.contexts or ()),
            "error": self.brief(settled.error),
            "logs": len(settled.logs),
        }

    def log_line(self, line: LogLine) -> Data:
        """Return what a handler has logged."""
        return {
            "at": line.at,
            "level": line.level[:_BRIEF],
            "logger_name": line.logger_name[:_BRIEF],
            "message": self._text(line.message, _LONGEST),
        }

    def left(self, run: RunRecord, found: FrontierTask) -> Data:
        """Return an activation of the frontier."""
        return {
            **_activation(run, found.task, found.input),
            "status": "outstanding" if found.task.failure is None else "failed",
            "error": self.brief(found.task.failure),
        }

    def worker(self, worker: WorkerRecord) -> Data:
        """Return one worker and its lease."""
        return {
            "worker_id": worker.worker_id,
            "host": worker.host,
            "pid": worker.pid,
            "started_at": worker.started_at,
            "lease_until": worker.lease_until,
            "is_expired": worker.expired,
        }

    def command(self, command: CommandRecord) -> Data:
        """Return a command; of a payload its size."""
        run = command.stimulation_id
        return {
            "number": command.number,
            "key": command.key,
            "kind": command.kind,
            "stimulation_id": run,
            "ref": None if run is None else ref_of(run),
            "arguments": self._arguments(command_info(command).arguments),
            "actor": command.actor,
            "seen": command.seen,
            "status": command.status,
            "ordered_at": command.ordered_at,
            "taken_by": command.taken_by,
            "takes": command.takes,
            "ended_at": command.ended_at,
            "outcome": None if command.outcome is None else self._text(command.outcome, _LONGEST),
            "made": _link(command.made),
        }

    def _arguments(self, arguments: Data) -> Data:
        shown = dict(arguments)
        if "payload" in shown:
            shown["payload"] = {"bytes": len(msgspec.json.encode(shown["payload"]))}
        if shown.get("metadata") is not None:
            shown["metadata"] = self._redaction.data(shown["metadata"], name="metadata")
        if shown.get("reason") is not None:
            shown["reason"] = self._text(shown["reason"], _LONGEST)
        return shown

    def signal(self, signal: SignalRow) -> Data:
        """Return a signal without its payload."""
        return _signal(signal)

    def error(self, error: ErrorRecord | None) -> Data | None:
        """Return an error with its traceback."""
        if error is None:
            return None
        return {
            "type_name": error.type_name[:_BRIEF],
            "message": self._text(error.message, _LONGEST),
            "traceback": self._text(error.traceback, _LONGEST),
        }

    def brief(self, error: ErrorRecord | None) -> Data | None:
        """Return the class of an error and the beginning of its message."""
        if error is None:
            return None
        return {"type_name": error.type_name[:_BRIEF], "message": self._text(error.message, _BRIEF)}

    def _text(self, text: str, longest: int) -> str:
        looked_at = text[: 2 * longest]
        if len(looked_at) < len(text):  # half of an address would not be known for one, nor its password
            looked_at = looked_at[: -len(looked_at.split()[-1])] if looked_at.split() else ""
        shown = self._redaction.text(looked_at)
        return shown if len(shown) <= longest and looked_at == text else f"{shown[:longest]}…"


def _signal(signal: SignalRow) -> Data:
    return {
        "ordinal": signal.ordinal,
        "collateral_name": signal.collateral_name,
        "version": signal.version,
        "bytes": len(signal.payload),
        "producer": signal.producer,
    }


def _activation(run: RunRecord, task: TaskRow, given: SignalRow | None) -> dict[str, Any]:
    return {
        "ordinal": task.ordinal,
        "activation_id": f"{activation_prefix(run.scope, run.stimulation_id)}{task.ordinal}",
        "neuron_name": task.neuron_name,
        "collateral_name": task.collateral_name,
        "dendrite_index": task.dendrite_index,
        "parent": None if given is None else given.producer,
        "input": None if given is None else _signal(given),
    }


def _link(stimulation_id: str | None) -> Data | None:
    return None if stimulation_id is None else {"stimulation_id": stimulation_id, "ref": ref_of(stimulation_id)}
