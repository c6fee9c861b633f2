"""``cnstra runs show`` and ``cnstra runs export``: everything that is stored of one run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cnstra.cli.documents import Command, Failure, RunDocument, Task
from cnstra.cli.ending import CommandError, Exit
from cnstra.cli.places import DirOption, JsonOption, Place, RunnerOption, ScopeOption, StoreOption
from cnstra.cli.redacting import Discretion, HookOption, KeysOption, ShowSecretsOption
from cnstra.cli.runs.lines import print_logs
from cnstra.cli.runs.performing import perform
from cnstra.cli.runs.reading import documents_of
from cnstra.cli.shown import brief, moment, print_json, print_line, print_table, took

__all__ = ["export", "show"]

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The run.")]


def show(
    stimulation_id: IdArgument,
    *,
    store: StoreOption = None,
    runner: RunnerOption = None,
    scope: ScopeOption = None,
    redact_keys: KeysOption = None,
    redact: HookOption = None,
    show_secrets: ShowSecretsOption = False,
    as_json: JsonOption = False,
    directory: DirOption = Path(),
) -> None:
    """Show a run: where it stands, why it failed, its attempts, its tasks, and what is left.

    Exits with 1 if no such run is stored.
    """
    place, discretion = Place(store, runner, scope, directory), Discretion(redact_keys, redact, show_secrets)
    perform(_show(place, discretion, stimulation_id, as_json=as_json))


def export(
    stimulation_id: IdArgument,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; standard output unless given.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")] = False,
    store: StoreOption = None,
    runner: RunnerOption = None,
    scope: ScopeOption = None,
    redact_keys: KeysOption = None,
    redact: HookOption = None,
    show_secrets: ShowSecretsOption = False,
    directory: DirOption = Path(),
) -> None:
    """Write everything that is stored of a run as one JSON document: what `show --json` prints.

    Exits with 1 if no such run is stored.
    """
    place, discretion = Place(store, runner, scope, directory), Discretion(redact_keys, redact, show_secrets)
    perform(_export(place, discretion, stimulation_id, output, force=force))


async def _show(place: Place, discretion: Discretion, stimulation_id: str, *, as_json: bool) -> Exit:
    async with documents_of(place, discretion) as documents:
        document = await documents.run(stimulation_id)
    if as_json:
        print_json(document)
    else:
        _print(document)
    return Exit.DONE


async def _export(
    place: Place, discretion: Discretion, stimulation_id: str, output: Path | None, *, force: bool
) -> Exit:
    async with documents_of(place, discretion) as documents:
        document = await documents.run(stimulation_id)
    if output is None:
        print_json(document)
        return Exit.DONE
    text = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    try:
        with output.open("wb" if force else "xb") as file:
            file.write(text)
    except FileExistsError as error:
        raise CommandError(f"{output} is there already; say --force to overwrite it") from error
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}") from error
    return Exit.DONE


# ---- for a person ----------------------------------------------------------------------------------------------


def _print(document: RunDocument) -> None:
    for name, value in _facts(document):
        print_line(f"{name:<10} {value}")
    _print_attempts(document)
    _print_tasks("tasks", document.tasks)
    _print_logs(document.tasks)
    _print_tasks("left", document.frontier)
    _print_commands(document.commands)
    if document.run.error is not None:
        _print_error("why", document.run.error)
    for task in document.frontier:
        if task.error is not None:
            _print_error(f"task {task.ordinal} of {task.neuron}", task.error)


def _facts(document: RunDocument) -> list[tuple[str, str]]:
    run = document.run
    facts = [("run", run.stimulation_id), ("status", run.status)]
    facts += [("entry", f"{one.collateral} {brief(one.payload)}") for one in document.entry]
    facts += [("stored", f"{moment(run.created_at)} UTC")]
    if run.ended_at is not None:
        facts += [("ended", f"{moment(run.ended_at)} UTC")]
    if run.due_at is not None:
        facts += [("due", f"{moment(run.due_at)} UTC")]
    optional = {
        "scope": run.scope,
        "owner": run.owner,
        "clone of": run.clone_of,
        "fork of": None if run.forked_from is None else f"{run.forked_from}, task {run.forked_task}",
        "metadata": brief(document.metadata) if document.metadata else None,
        "abort": run.abort_requested,
    }
    facts += [(name, value) for name, value in optional.items() if value]
    return facts


def _print_attempts(document: RunDocument) -> None:
    if not document.attempts:
        return
    print_line("\nattempts", lines=True)
    rows = [
        (
            str(one.attempt_number),
            one.status,
            one.worker_id,
            moment(one.started_at),
            took(None if one.ended_at is None else (one.ended_at - one.started_at).total_seconds()),
            str(one.hop_count),
        )
        for one in document.attempts
    ]
    print_table(("attempt", "status", "worker", "started", "took", "hops"), rows)


def _print_tasks(title: str, tasks: Sequence[Task]) -> None:
    if not tasks:
        return
    print_line(f"\n{title}", lines=True)
    rows = [
        (
            str(one.ordinal),
            "-" if one.attempt_number is None else str(one.attempt_number),
            one.status,
            one.neuron,
            one.collateral,
            moment(one.started_at),
            took(one.duration),
            "" if one.input is None else brief(one.input.payload),
            ", ".join(signal.collateral for signal in one.output) if one.error is None else one.error.type,
        )
        for one in tasks
    ]
    print_table(("task", "attempt", "status", "neuron", "on", "started", "took", "input", "came to"), rows)


def _print_logs(tasks: Sequence[Task]) -> None:
    for number, one in enumerate(task for task in tasks if task.logs):
        if number == 0:
            print_line("\nlogs", lines=True)
        print_line(f"  task {one.ordinal} of {one.neuron}, attempt {one.attempt_number}")
        print_logs(one.logs)


def _print_commands(commands: Sequence[Command]) -> None:
    if not commands:
        return
    print_line("\ncommands", lines=True)
    rows = [
        (one.kind, one.stimulation_id or "-", one.actor, moment(one.ordered_at), one.status, one.outcome or "")
        for one in commands
    ]
    print_table(("command", "of", "by", "ordered", "status", "outcome"), rows)


def _print_error(title: str, error: Failure) -> None:
    print_line(f"\n{title}: {error.type}: {error.message}", lines=True)
    if error.traceback:
        print_line(error.traceback.rstrip(), lines=True)
