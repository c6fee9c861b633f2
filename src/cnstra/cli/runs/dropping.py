"""``cnstra runs delete`` and ``cnstra runs purge``: what is gone then is gone for good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cnstra.cli.asking import confirm
from cnstra.cli.documents import Purged
from cnstra.cli.ending import Exit
from cnstra.cli.places import DirOption, JsonOption, Place, RunnerOption, ScopeOption, StoreOption
from cnstra.cli.runs.performing import each, on_record, perform, tell
from cnstra.cli.runs.statuses import FinalStatus
from cnstra.cli.shown import print_json, print_line, safe
from cnstra.cli.times import duration

__all__ = ["delete", "purge"]

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def delete(
    stimulation_ids: Annotated[list[str], typer.Argument(metavar="ID", help="The runs.")],
    *,
    yes: YesOption = False,
    store: StoreOption = None,
    runner: RunnerOption = None,
    scope: ScopeOption = None,
    as_json: JsonOption = False,
    directory: DirOption = Path(),
) -> None:
    """Drop runs and everything of them, also such as cannot be read any more; asks first, unless --yes is given.

    Exits with 1 if a run is not stored or is under way.
    """
    perform(_delete(Place(store, runner, scope, directory), stimulation_ids, yes=yes, as_json=as_json))


def purge(
    *,
    older_than: Annotated[str, typer.Option(help="Only runs that ended longer ago than that, such as 30d or 12h.")],
    status: Annotated[
        list[FinalStatus] | None,
        typer.Option(help="Which ones; may be given several times. Completed ones unless given."),
    ] = None,
    keep: Annotated[int, typer.Option(min=0, help="Leave so many of the latest.")] = 0,
    yes: YesOption = False,
    store: StoreOption = None,
    runner: RunnerOption = None,
    scope: ScopeOption = None,
    as_json: JsonOption = False,
    directory: DirOption = Path(),
) -> None:
    """Drop runs that are over; asks first, unless --yes is given."""
    place = Place(store, runner, scope, directory)
    statuses = list(dict.fromkeys(status or [FinalStatus.COMPLETED]))
    perform(_purge(place, older_than, statuses, keep, yes=yes, as_json=as_json))


async def _delete(place: Place, stimulation_ids: list[str], *, yes: bool, as_json: bool) -> Exit:
    named = ", ".join(map(safe, stimulation_ids))
    confirm(f"Delete {named}, and everything that is stored of it?", yes=yes)
    async with place.acting() as runner:

        async def drop(stimulation_id: str) -> None:
            async with on_record(runner, "delete", stimulation_id) as deed:
                await runner.delete(stimulation_id)
                deed.outcome = "the run was deleted"

        outcomes = await each(runner, stimulation_ids, drop)
    return tell("delete", outcomes, "is deleted", as_json=as_json)


async def _purge(
    place: Place, older_than: str, statuses: list[FinalStatus], keep: int, *, yes: bool, as_json: bool
) -> Exit:
    age = duration(older_than, "--older-than")
    which = " and ".join(statuses)
    confirm(f"Drop every {which} run that ended over {older_than} ago from {await place.label()}?", yes=yes)
    async with place.acting() as runner:
        dropped = await runner.purge(older_than=age, status=[one.value for one in statuses], keep=keep)
    if as_json:
        print_json(Purged(dropped))
    else:
        print_line(f"{dropped} run{'' if dropped == 1 else 's'} dropped")
    return Exit.DONE
