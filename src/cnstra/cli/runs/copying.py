"""``cnstra runs clone`` and ``cnstra runs fork``: new runs from stored ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import msgspec
import typer

from cnstra.cli import payloads
from cnstra.cli.documents import ActionName, Outcome
from cnstra.cli.ending import CommandError, Exit
from cnstra.cli.places import DirOption, JsonOption, Place, RunnerOption, ScopeOption, StoreOption
from cnstra.cli.runs.here import HereOption, to_its_end
from cnstra.cli.runs.performing import on_record, perform, tell
from cnstra.durable import DurableRun, DurableRunner

__all__ = ["clone", "fork"]

IdArgument: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="The run that it is made of.")]
NewIdOption: TypeAlias = Annotated[str | None, typer.Option("--id", help="The id of the new run; made unless given.")]
Making: TypeAlias = Callable[[DurableRunner], Awaitable[DurableRun]]
_OUTCOMES: Final = {False: "the new run waits for a worker", True: "the new run is one of the command line's process"}


def clone(
    stimulation_id: IdArgument,
    *,
    new_id: NewIdOption = None,
    here: HereOption = False,
    store: StoreOption = None,
    runner: RunnerOption = None,
    scope: ScopeOption = None,
    as_json: JsonOption = False,
    directory: DirOption = Path(),
) -> None:
    """Start a fresh run as a stored one was started; needs --runner. A worker takes it, or this process with --here.

    Exits with 1 if no such run is stored, the new id is taken, or the new run fails here.
    """

    async def make(on: DurableRunner) -> DurableRun:
        async with on_record(on, "clone", stimulation_id, **_given(new_id=new_id)) as deed:
            run = await on.clone(stimulation_id, new_id=new_id or deed.new_id, enqueue=not here)
            deed.outcome, deed.made = _OUTCOMES[here], run.stimulation_id
        return run

    perform(_copy("clone", Place(store, runner, scope, directory), stimulation_id, make, here=here, as_json=as_json))


def fork(
    stimulation_id: IdArgument,
    task: Annotated[int, typer.Argument(min=0, help="The task that it starts with: its number in `runs show`.")],
    *,
    payload: Annotated[
        str | None, typer.Option(help="JSON instead of the task's input; @FILE and - as for `cnstra enqueue`.")
    ] = None,
    new_id: NewIdOption = None,
    here: HereOption = False,
    store: StoreOption = None,
    runner: RunnerOption = None,
    scope: ScopeOption = None,
    as_json: JsonOption = False,
    directory: DirOption = Path(),
) -> None:
    """Start a new run in the middle of a stored one, with one of its tasks; needs --runner.

    The task finds the contexts as they stood then, and the input that it had, unless another one is given. A worker
    takes the run, or this process with --here.

    Exits with 1 if no such run is stored, the task has not settled, the new id is taken, or the new run fails here.
    """

    async def make(on: DurableRunner) -> DurableRun:
        text = None if payload is None else payloads.read(payload)
        given = {} if text is None else {"payload": await _decoded(on, stimulation_id, task, text)}
        told = _given(new_id=new_id, payload=None if text is None else msgspec.Raw(text))
        async with on_record(on, "fork", stimulation_id, from_task=task, **told) as deed:
            run = await on.fork(stimulation_id, task, new_id=new_id or deed.new_id, enqueue=not here, **given)
            deed.outcome, deed.made = _OUTCOMES[here], run.stimulation_id
        return run

    perform(_copy("fork", Place(store, runner, scope, directory), stimulation_id, make, here=here, as_json=as_json))


async def _copy(
    action: ActionName, place: Place, stimulation_id: str, make: Making, *, here: bool, as_json: bool
) -> Exit:
    async with place.acting_with_graph() as runner:
        run = await make(runner)
        has_completed = await to_its_end(run) if here else True
        info = await runner.get(run.stimulation_id)
    status = None if info is None else info.status
    outcome = Outcome(run.stimulation_id, done=True, status=status, source=stimulation_id)
    code = tell(action, [outcome], f"is a {action} of {stimulation_id}", as_json=as_json)
    return code if has_completed else Exit.NO


def _given(**arguments: Any) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


async def _decoded(runner: DurableRunner, stimulation_id: str, ordinal: int, text: bytes) -> Any:
    tasks = [one for one in await runner.tasks(stimulation_id) if one.ordinal == ordinal]
    if not tasks:
        raise CommandError(f"no task {ordinal} has settled in run {stimulation_id!r}; see cnstra runs show", Exit.NO)
    collateral = runner.registry.require_collateral(tasks[-1].collateral_name)
    return payloads.decode(runner.registry, collateral, text)
