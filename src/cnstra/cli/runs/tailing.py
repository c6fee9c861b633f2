"""``cnstra runs tail``: what a run does, while it does it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, final

import typer

from cnstra.cli.documents import StatusLine, Task, TaskLine
from cnstra.cli.ending import Exit
from cnstra.cli.places import DirOption, JsonOption, Place, RunnerOption, ScopeOption, StoreOption
from cnstra.cli.redacting import Discretion, HookOption, KeysOption, ShowSecretsOption
from cnstra.cli.runs.lines import print_logs
from cnstra.cli.runs.performing import perform
from cnstra.cli.runs.reading import Documents, documents_of
from cnstra.cli.shown import moment, print_json, print_line, took
from cnstra.persist.records import RunRecord

__all__ = ["command"]

_FINAL: Final = frozenset({"completed", "failed", "aborted"})


def command(
    stimulation_id: Annotated[str, typer.Argument(metavar="ID", help="The run.")],
    *,
    interval: Annotated[float, typer.Option(min=0.05, help="Seconds between two looks at the store.")] = 0.5,
    store: StoreOption = None,
    runner: RunnerOption = None,
    scope: ScopeOption = None,
    redact_keys: KeysOption = None,
    redact: HookOption = None,
    show_secrets: ShowSecretsOption = False,
    as_json: JsonOption = False,
    directory: DirOption = Path(),
) -> None:
    """Show the tasks of a run as they settle, and its status as it changes, until it is over; Ctrl-C stops looking.

    With --json each line is a document of its own. Exits with 0 if the run completes, and with 1 if it fails or is
    aborted, or no such run is stored.
    """
    place, discretion = Place(store, runner, scope, directory), Discretion(redact_keys, redact, show_secrets)
    perform(_tail(place, discretion, stimulation_id, interval, as_json=as_json))


async def _tail(place: Place, discretion: Discretion, stimulation_id: str, interval: float, *, as_json: bool) -> Exit:
    async with documents_of(place, discretion) as documents:
        tail = _Tail(documents, stimulation_id, as_json=as_json)
        while True:
            if await tail.look():
                break
            await asyncio.sleep(interval)
    return Exit.DONE if tail.status == "completed" else Exit.NO


@final
@dataclass(slots=True)
class _Tail:
    """Tells what has changed since the last look.

    Attributes:
        status: The run's, when it was last looked at.
    """

    documents: Documents
    stimulation_id: str
    as_json: bool = field(kw_only=True)
    status: str = ""
    _attempt: int = -1
    _hops: int = -1
    _shown: dict[int, int] = field(default_factory=dict)

    async def look(self) -> bool:
        """Tell of what is new, and whether the run is over."""
        record = await self.documents.record(self.stimulation_id)
        if (record.hop_count, record.attempt_number) != (self._hops, self._attempt):
            for number in range(max(self._attempt, 1), record.attempt_number + 1):
                await self._tell_tasks(number)
        if (record.status, record.attempt_number) != (self.status, self._attempt):
            self._tell_status(record)
        self.status, self._attempt, self._hops = record.status, record.attempt_number, record.hop_count
        return record.status in _FINAL

    async def _tell_tasks(self, attempt_number: int) -> None:
        tasks = await self.documents.history(self.stimulation_id, attempt_number)
        for task in tasks[self._shown.get(attempt_number, 0) :]:
            self._tell_task(task)
        self._shown[attempt_number] = len(tasks)

    def _tell_task(self, task: Task) -> None:
        if self.as_json:
            print_json(TaskLine(task), line=True)
            return
        came_to = ", ".join(one.collateral for one in task.output) or "nothing"
        if task.error is not None:
            came_to = f"{task.error.type}: {task.error.message}"
        print_line(
            f"{moment(task.started_at)}  #{task.attempt_number} task {task.ordinal}  {task.neuron} on {task.collateral}"
            f"  {task.status} in {took(task.duration)}: {came_to}"
        )
        print_logs(task.logs)

    def _tell_status(self, record: RunRecord) -> None:
        run = self.documents.brief(record)
        if self.as_json:
            print_json(StatusLine(run), line=True)
            return
        why = "" if run.error is None else f": {run.error.type}: {run.error.message}"
        print_line(f"{moment(run.updated_at)}  #{run.attempt_number} {run.status}, {run.outstanding} tasks left{why}")
