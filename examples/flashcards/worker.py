"""The worker process: import one file, or go on where the last worker was killed."""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from cnstra import CNSError, DurableRunner, StimulationFailed

from .cards import CardDatabase
from .graph import Desk, ImportStarted, import_started, make_cns, registry
from .rows import UnreadableDeck, read_deck

__all__ = ["import_deck", "main", "open_runner", "stimulation_id_of"]


def stimulation_id_of(file: Path) -> str:
    """Return the id of the run that imports *file*: the same each time, so that a second start takes up the first."""
    return f"import-{file.stem}"


@asynccontextmanager
async def open_runner(workdir: Path, pace: float = 0.0) -> AsyncIterator[DurableRunner]:
    """Open both databases in *workdir*; runs that died with their worker are taken up at once."""
    with closing(CardDatabase(workdir / "cards.db")) as cards:
        cns = make_cns(Desk(cards, pace))
        async with DurableRunner(cns, registry, store=workdir / "runs.db") as runner:
            yield runner


async def import_deck(file: Path, workdir: Path, pace: float) -> None:
    """Import *file*, or finish an import of it that was interrupted; once it is in, nothing happens any more."""
    async with open_runner(workdir, pace) as runner:
        started = import_started.create_signal(ImportStarted(file.stem, str(file)))
        run = await runner.stimulate(started, stimulation_id=stimulation_id_of(file), on_conflict="return")
        await run


def main(argv: list[str] | None = None) -> int:
    """Return the exit status: 0 when the deck is in, 1 when the import failed, 2 when there is no deck to import."""
    parser = argparse.ArgumentParser(prog="flashcards.worker", description="Import a CSV of flash cards durably.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--workdir", type=Path, default=Path(), help="holds cards.db and runs.db")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds that one card is made to take")
    options = parser.parse_args(argv)
    try:
        read_deck(options.file)  # a file that is no deck is refused here, not in the middle of a run
        asyncio.run(import_deck(options.file.absolute(), options.workdir, options.pace))
    except UnreadableDeck as error:
        print(error, file=sys.stderr)
        return 2
    except StimulationFailed as failed:
        for cause in failed.exceptions:
            print(f"{type(cause).__name__}: {cause}", *getattr(cause, "__notes__", []), file=sys.stderr)
        return 1
    except (CNSError, sqlite3.Error) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # the run stays stored; the next worker takes it up
    return 0


if __name__ == "__main__":
    sys.exit(main())
