"""What a store has of a run, asked without the command line."""

import asyncio
from pathlib import Path

from cnstra.durable import CommandInfo, RunInfo
from tests.cli.runs.shop import runner_of


def info_of(file: Path, stimulation_id: str) -> RunInfo | None:
    """Return a stored run."""

    async def ask() -> RunInfo | None:
        async with runner_of(file).observer() as runner:
            return await runner.get(stimulation_id)

    return asyncio.run(ask())


def status_of(file: Path, stimulation_id: str) -> str | None:
    """Return where a run stands; ``None`` if it is not stored."""
    info = info_of(file, stimulation_id)
    return None if info is None else info.status


def trail_of(file: Path) -> list[CommandInfo]:
    """Return what was done to runs by hand, the latest last."""

    async def ask() -> list[CommandInfo]:
        async with runner_of(file).observer() as runner:
            return list(reversed(await runner.commands()))

    return asyncio.run(ask())
