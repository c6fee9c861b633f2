"""How the commands about runs end, and what they say of what they did."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from cnstra.cli.documents import Action, ActionName, Outcome
from cnstra.cli.ending import CommandError, Exit, run
from cnstra.cli.shown import print_json, print_line, safe
from cnstra.durable import DurableRunner
from cnstra.durable.ordering import Deed
from cnstra.errors import RunExists, RunNotFound, RunNotReady
from cnstra.persist.commands import CommandKind

__all__ = ["REFUSALS", "each", "on_record", "perform", "tell"]

REFUSALS: Final = (RunExists, RunNotFound, RunNotReady)
"""What is no fault of the call or of the store: the answer is no."""

_INTERRUPTED: Final = 130


def perform(work: Coroutine[Any, Any, Exit]) -> None:
    """Run a command to its end, and leave the process with its exit code."""
    try:
        run(_answer(work))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


async def _answer(work: Coroutine[Any, Any, Exit]) -> Exit:
    try:
        return await work
    except RunNotFound as error:
        raise CommandError(f"{error}; `cnstra runs list` shows what is", Exit.NO) from error
    except REFUSALS as error:
        raise CommandError(str(error), Exit.NO) from error


def on_record(
    runner: DurableRunner, kind: CommandKind, stimulation_id: str, **arguments: Any
) -> AbstractAsyncContextManager[Deed]:
    """Have the trail of the store tell of what is done inside, and of whoever does it; see `carrying_out`."""
    return runner.carrying_out(kind, stimulation_id, actor=_actor(), **arguments)


def _actor() -> str:
    try:
        return f"{getpass.getuser()}, on the command line"
    except (KeyError, OSError):  # a container may have no name for its user
        return "command line"


async def each(
    runner: DurableRunner, stimulation_ids: Sequence[str], act: Callable[[str], Awaitable[Any]]
) -> list[Outcome]:
    """Do something to each of some runs; one that refuses does not keep it from the others."""
    outcomes = []
    for stimulation_id in dict.fromkeys(stimulation_ids):
        problem = None
        try:
            await act(stimulation_id)
        except REFUSALS as error:
            problem = str(error)
        info = await runner.get(stimulation_id)
        status = None if info is None else info.status
        outcomes.append(Outcome(stimulation_id, problem is None, status, problem=problem))
    return outcomes


def tell(action: ActionName, outcomes: Sequence[Outcome], done: str, *, as_json: bool) -> Exit:
    """Say what became of each run; *done* is what follows the id of one that it was done to."""
    if as_json:
        print_json(Action(action, outcomes))
    for one in outcomes:
        if one.problem is not None:
            sys.stderr.write(f"cnstra: {safe(one.problem)}\n")
        elif not as_json:
            print_line(f"run {one.stimulation_id} {done}")
    return Exit.DONE if all(one.done for one in outcomes) else Exit.NO
