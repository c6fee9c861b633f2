"""``cnstra runs list``: which runs are stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cnstra.cli.documents import Run, RunList
from cnstra.cli.ending import Exit
from cnstra.cli.places import DirOption, JsonOption, Place, RunnerOption, ScopeOption, StoreOption
from cnstra.cli.runs.performing import perform
from cnstra.cli.runs.reading import run_document
from cnstra.cli.runs.statuses import StatusOption
from cnstra.cli.shown import print_json, print_line, print_table, took
from cnstra.cli.times import point
from cnstra.persist.records import RunFilter

__all__ = ["command"]


def command(
    *,
    status: StatusOption = None,
    entry: Annotated[str | None, typer.Option(help="Only runs started with a signal of this collateral.")] = None,
    error: Annotated[str | None, typer.Option(help="Only runs whose error has this text in it.")] = None,
    since: Annotated[str | None, typer.Option(help="Only runs stored then or later: 2h (ago), or 2026-01-31.")] = None,
    until: Annotated[str | None, typer.Option(help="Only runs stored before then.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="The next page: the cursor of the one before.")] = None,
    store: StoreOption = None,
    runner: RunnerOption = None,
    scope: ScopeOption = None,
    as_json: JsonOption = False,
    directory: DirOption = Path(),
) -> None:
    """List stored runs, the newest first; exits with 0, also if there are none."""
    where = RunFilter(None if not status else [one.value for one in status], entry, error=error)
    stored = (since, until)
    perform(_list(Place(store, runner, scope, directory), where, stored, limit, cursor, as_json=as_json))


async def _list(
    place: Place,
    where: RunFilter,
    stored: tuple[str | None, str | None],
    limit: int,
    cursor: str | None,
    *,
    as_json: bool,
) -> Exit:
    since, until = point(stored[0], "--since"), point(stored[1], "--until")
    where = replace(where, created_after=since, created_before=until)
    async with place.reading() as (store, scope):
        page = await store.list(scope, where=where, limit=limit, cursor=cursor)
    runs = [run_document(one) for one in page]
    if as_json:
        print_json(RunList(runs, page.cursor))
        return Exit.DONE
    print_table(("run", "status", "entry", "attempt", "hops", "left", "age", "took", "error"), [*map(_row, runs)])
    if page.cursor is not None:
        print_line(f"there is more: --cursor {page.cursor}")
    return Exit.DONE


def _row(run: Run) -> tuple[str, ...]:
    return (
        run.stimulation_id,
        run.status,
        ", ".join(run.entry),
        str(run.attempt_number),
        str(run.hop_count),
        str(run.outstanding),
        took(max(0.0, (datetime.now(UTC) - run.created_at).total_seconds())),
        took(None if run.ended_at is None else (run.ended_at - run.created_at).total_seconds()),
        "" if run.error is None else f"{run.error.type}: {run.error.message}",
    )
