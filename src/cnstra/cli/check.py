"""``cnstra check``: what this code could not resume, before a deploy finds out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cnstra.cli.ending import Exit, run
from cnstra.cli.loading import load_runner

__all__ = ["command"]


def command(
    target: Annotated[
        str, typer.Argument(metavar="MODULE:RUNNER", help="A DurableRunner, or a function that makes it.")
    ],
    *,
    limit: Annotated[int | None, typer.Option(min=1, help="Look at so many runs at most, the newest first.")] = None,
    directory: Annotated[Path, typer.Option("--dir", help="Where to look for the module first.")] = Path(),
) -> None:
    """Tell which stored runs this code could not resume, or retry; nothing is run, and nothing is changed.

    Exits with 0 if it could resume all of them, and with 1 if not.
    """
    run(_check(target, directory.resolve(), limit))


async def _check(target: str, directory: Path, limit: int | None) -> Exit:
    runner = (await load_runner(target, directory)).observer()
    problems = runner.registry.check(runner.cns)
    for problem in problems:
        typer.echo(f"graph: {problem}")
    async with runner:
        report = await runner.check(limit=limit)
    typer.echo(str(report))
    return Exit.DONE if report.is_clean and not problems else Exit.NO
