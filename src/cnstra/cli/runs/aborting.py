"""``cnstra runs abort``: stop runs, wherever they run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cnstra.cli.ending import Exit
from cnstra.cli.places import DirOption, JsonOption, Place, RunnerOption, ScopeOption, StoreOption
from cnstra.cli.runs.performing import each, on_record, perform, tell
from cnstra.durable import DurableRunner
from cnstra.errors import RunNotFound, RunNotReady

__all__ = ["command"]


def command(
    stimulation_ids: Annotated[list[str], typer.Argument(metavar="ID", help="The runs.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it is stored.")] = "requested on the command line",
    wait: Annotated[float, typer.Option(min=0.0, help="Seconds to wait for the worker that holds a run.")] = 60.0,
    store: StoreOption = None,
    runner: RunnerOption = None,
    scope: ScopeOption = None,
    as_json: JsonOption = False,
    directory: DirOption = Path(),
) -> None:
    """Stop runs; what is left of them is kept, and `retry` goes on from there.

    A run that a worker holds is stopped by that worker, which lets active handlers finish; the request stays, however
    long that takes.

    Exits with 1 if a run is not stored, is over already, or is not over yet after the wait.
    """
    place = Place(store, runner, scope, directory)
    perform(_abort(place, stimulation_ids, reason, wait, as_json=as_json))


async def _abort(place: Place, stimulation_ids: list[str], reason: str, wait: float, *, as_json: bool) -> Exit:
    async with place.acting() as runner:

        async def abort(stimulation_id: str) -> None:
            await _stop(runner, stimulation_id, reason, wait)

        outcomes = await each(runner, stimulation_ids, abort)
    return tell("abort", outcomes, "is aborted", as_json=as_json)


async def _stop(runner: DurableRunner, stimulation_id: str, reason: str, wait: float) -> None:
    async with on_record(runner, "abort", stimulation_id, reason=reason) as deed:
        before = await runner.get(stimulation_id)
        if before is None:
            raise RunNotFound(stimulation_id)
        if before.status not in {"pending", "running"}:
            raise RunNotReady(stimulation_id, before.status, "it is over, there is nothing to abort")
        await runner.store.request_abort(runner.scope, stimulation_id, reason)  # it stays, however short the wait is
        asked = f"worker {before.owner}" if before.owner else "whoever takes it"
        deed.outcome = f"{asked} is asked to stop the run"
    try:
        async with asyncio.timeout(wait):
            await runner.abort(stimulation_id, reason)
    except TimeoutError as error:
        after = await runner.get(stimulation_id)
        if after is not None and after.status in {"pending", "running"}:
            problem = f"worker {after.owner} is asked to abort it, and has not done so yet"
            raise RunNotReady(stimulation_id, after.status, problem) from error
    ended = await runner.get(stimulation_id)
    if ended is not None and ended.status != "aborted":
        raise RunNotReady(stimulation_id, ended.status, "it has ended before it could be aborted")
