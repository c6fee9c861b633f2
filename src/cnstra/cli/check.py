"""``cnstra check``: what this code could not resume, before a deploy finds out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cnstra.cli.documents import CheckDocument, CheckProblem
from cnstra.cli.ending import Exit, run
from cnstra.cli.loading import load_runner
from cnstra.cli.places import DirOption, JsonOption
from cnstra.cli.shown import print_json
from cnstra.durable import CheckReport
from cnstra.persist.checking import Problem

__all__ = ["command"]


def command(
    target: Annotated[
        str, typer.Argument(metavar="MODULE:RUNNER", help="A DurableRunner, or a function that makes it.")
    ],
    *,
    limit: Annotated[int | None, typer.Option(min=1, help="Look at so many runs at most, the newest first.")] = None,
    as_json: JsonOption = False,
    directory: DirOption = Path(),
) -> None:
    """Tell which stored runs this code could not resume, or retry; nothing is run, and nothing is changed.

    Exits with 0 if it could resume all of them, and with 1 if not.
    """
    run(_check(target, directory.resolve(), limit, as_json=as_json))


async def _check(target: str, directory: Path, limit: int | None, *, as_json: bool) -> Exit:
    runner = (await load_runner(target, directory)).observer()
    problems = runner.registry.check(runner.cns)
    if not as_json:
        for problem in problems:
            typer.echo(f"graph: {problem}")
    async with runner:
        report = await runner.check(limit=limit)
    is_clean = report.is_clean and not problems
    if as_json:
        print_json(_document(problems, report, is_clean=is_clean))
    else:
        typer.echo(str(report))
    return Exit.DONE if is_clean else Exit.NO


def _document(problems: Sequence[Problem], report: CheckReport, *, is_clean: bool) -> CheckDocument:
    found = [CheckProblem(one.kind, one.name, one.problem, 0, ()) for one in problems]
    found += [CheckProblem(one.kind, one.name, one.problem, one.count, one.stimulation_ids) for one in report.problems]
    return CheckDocument(is_clean, report.checked, report.unfit, report.is_complete, found)
