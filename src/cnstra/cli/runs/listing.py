"""``cnstra runs list``: which runs are stored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, final

import typer

from cnstra.cli.documents import Run
from cnstra.cli.ending import Exit
from cnstra.cli.places import DirOption, JsonOption, Place, RunnerOption, ScopeOption, StoreOption
from cnstra.cli.redacting import Discretion, HookOption, KeysOption, ShowSecretsOption
from cnstra.cli.runs.performing import perform
from cnstra.cli.runs.reading import documents_of
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
    redact_keys: KeysOption = None,
    redact: HookOption = None,
    show_secrets: ShowSecretsOption = False,
    as_json: JsonOption = False,
    directory: DirOption = Path(),
) -> None:
    """List stored runs, the newest first; exits with 0, also if there are none."""
    where = RunFilter(None if not status else [one.value for one in status], entry, error=error)
    asked = _Asked(where, (since, until), limit, cursor, as_json=as_json)
    perform(_list(Place(store, runner, scope, directory), Discretion(redact_keys, redact, show_secrets), asked))


@final
@dataclass(frozen=True, slots=True)
class _Asked:
    """Which runs are wanted, and how."""

    where: RunFilter
    stored: tuple[str | None, str | None]
    limit: int
    cursor: str | None
    as_json: bool = field(kw_only=True)


async def _list(place: Place, discretion: Discretion, asked: _Asked) -> Exit:
    since, until = point(asked.stored[0], "--since"), point(asked.stored[1], "--until")
    where = replace(asked.where, created_after=since, created_before=until)
    async with documents_of(place, discretion) as documents:
        page = await documents.page(where, limit=asked.limit, cursor=asked.cursor)
    if asked.as_json:
        print_json(page)
        return Exit.DONE
    print_table(("run", "status", "entry", "attempt", "hops", "left", "age", "took", "error"), [*map(_row, page.runs)])
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
