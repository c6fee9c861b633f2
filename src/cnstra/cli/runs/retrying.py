"""``cnstra runs retry``: another attempt, from where the run stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cnstra.cli.ending import Exit
from cnstra.cli.places import DirOption, JsonOption, Place, RunnerOption, ScopeOption, StoreOption
from cnstra.cli.runs.here import HereOption, to_its_end
from cnstra.cli.runs.performing import each, on_record, perform, tell

__all__ = ["command"]


def command(
    stimulation_ids: Annotated[list[str], typer.Argument(metavar="ID", help="The runs.")],
    *,
    here: HereOption = False,
    store: StoreOption = None,
    runner: RunnerOption = None,
    scope: ScopeOption = None,
    as_json: JsonOption = False,
    directory: DirOption = Path(),
) -> None:
    """Have a worker go on with failed or aborted runs from where they stopped: what was done is not done again.

    With --here they run in this process, one after the other, which needs --runner.

    Exits with 1 if a run is not stored or cannot be retried, or fails here once more.
    """
    place = Place(store, runner, scope, directory)
    perform((_run_here if here else _requeue)(place, stimulation_ids, as_json=as_json))


async def _requeue(place: Place, stimulation_ids: list[str], *, as_json: bool) -> Exit:
    async with place.acting() as runner:

        async def requeue(stimulation_id: str) -> None:
            async with on_record(runner, "retry", stimulation_id) as deed:
                await runner.requeue(stimulation_id)
                deed.outcome = "the run waits for a worker, which goes on where it stopped"

        outcomes = await each(runner, stimulation_ids, requeue)
    return tell("retry", outcomes, "waits for a worker", as_json=as_json)


async def _run_here(place: Place, stimulation_ids: list[str], *, as_json: bool) -> Exit:
    completed = []
    async with place.acting_with_graph() as runner:

        async def retry(stimulation_id: str) -> None:
            async with on_record(runner, "retry", stimulation_id) as deed:
                run = await runner.retry(stimulation_id)
                deed.outcome = "the run goes on in the process of the command line"
            completed.append(await to_its_end(run))

        outcomes = await each(runner, stimulation_ids, retry)
    code = tell("retry", outcomes, "was retried", as_json=as_json)
    return code if all(completed) else Exit.NO
