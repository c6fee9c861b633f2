"""``cnstra store``: the store itself: its schema, and its numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import typer

from cnstra.cli.documents import StoreNumbers, StoreReady, utc
from cnstra.cli.ending import Exit, run
from cnstra.cli.places import DirOption, JsonOption, Place, RunnerOption, ScopeOption, StoreOption
from cnstra.cli.shown import moment, print_json, print_line, took

__all__ = ["app"]

app = typer.Typer(help="Look after a store: bring its schema up to date, and show its numbers.", no_args_is_help=True)


@app.command("migrate")
def migrate(
    *,
    store: StoreOption = None,
    runner: RunnerOption = None,
    as_json: JsonOption = False,
    directory: DirOption = Path(),
) -> None:
    """Make the tables of a store, or bring them up to date; workers do it too, when they open it.

    Exits with 3 if that cannot be done, also because the store is newer than this version.
    """
    run(_migrate(Place(store, runner, None, directory), as_json=as_json))


@app.command("stats")
def stats(
    *,
    store: StoreOption = None,
    runner: RunnerOption = None,
    scope: ScopeOption = None,
    as_json: JsonOption = False,
    directory: DirOption = Path(),
) -> None:
    """Show how many runs there are in each status, how old the oldest open one is, and who works on them."""
    run(_stats(Place(store, runner, scope, directory), as_json=as_json))


async def _migrate(place: Place, *, as_json: bool) -> Exit:
    async with place.reading(new=True) as (store, _):
        label = store.label
    if as_json:
        print_json(StoreReady(label))
    else:
        print_line(f"{label} is up to date")
    return Exit.DONE


async def _stats(place: Place, *, as_json: bool) -> Exit:
    async with place.reading() as (store, scope):
        stored, workers = await store.stats(scope), await store.workers()
    expired = sum(worker.expired for worker in workers)
    oldest = None if stored.oldest_open_at is None else utc(stored.oldest_open_at)
    numbers = StoreNumbers(
        store=store.label,
        scope=scope,
        runs=dict(stored.runs),
        oldest_open_at=oldest,
        size=stored.size,
        workers=len(workers) - expired,
        expired_workers=expired,
    )
    if as_json:
        print_json(numbers)
    else:
        _print(numbers)
    return Exit.DONE


def _print(numbers: StoreNumbers) -> None:
    print_line(numbers.store + (f", scope {numbers.scope}" if numbers.scope else ""))
    for status, count in numbers.runs.items():
        print_line(f"{status:<12} {count:>10,}")
    if numbers.oldest_open_at is not None:
        age = (datetime.now(UTC) - numbers.oldest_open_at).total_seconds()
        print_line(f"oldest open  {moment(numbers.oldest_open_at)} UTC, {took(max(0.0, age))} ago")
    if numbers.size is not None:
        print_line(f"size         {numbers.size:>10,} bytes")
    print_line(f"workers      {numbers.workers:>10,}, and {numbers.expired_workers} whose lease has ended")
