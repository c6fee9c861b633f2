"""Running a run in the process of the command, to its end."""

from __future__ import annotations

import sys
from typing import Annotated, TypeAlias

import typer

from cnstra.cli.shown import safe
from cnstra.durable import DurableRun
from cnstra.errors import StimulationAborted, StimulationFailed

__all__ = ["HereOption", "to_its_end"]

HereOption: TypeAlias = Annotated[
    bool, typer.Option("--here", help="Run it in this process, to its end, instead of leaving it to a worker.")
]


async def to_its_end(run: DurableRun) -> bool:
    """Wait for a run that was started here; say why it failed, and return whether it has completed."""
    try:
        await run
    except StimulationFailed as error:
        for one in error.exceptions:
            sys.stderr.write(f"cnstra: {safe(f'{type(one).__name__}: {one}')}\n")
        return False
    except StimulationAborted as error:
        sys.stderr.write(f"cnstra: {safe(str(error))}\n")
        return False
    return True
