"""The command line of the demonstration: `python examples/demo.py`."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from cnstra import CNSError

from .cards import CardDatabase
from .display import Display
from .evidence import read_cards, read_run
from .rows import Deck, UnreadableDeck, read_deck
from .supervisor import EXAMPLES, ImportFailed, Supervisor, kill_plan
from .verdict import say, say_cost, say_deck, say_proof
from .worker import stimulation_id_of

__all__ = ["main"]

SLOWEST = 10.0


def main(argv: list[str] | None = None) -> int:
    """Return the exit status: 0 if the proof holds, 1 if it does not, 2 if there is nothing to import."""
    options = _options(argv)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that the worker is not left behind
    try:
        return _bring_in_and_prove(options, read_deck(options.file))
    except (UnreadableDeck, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except ImportFailed as error:
        print(f"the import failed: {error}", file=sys.stderr)
        return error.status
    except (CNSError, sqlite3.Error) as error:
        print(f"a database cannot be read: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if not options.keep:
            shutil.rmtree(options.workdir, ignore_errors=True)


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="demo.py", description="Import flash cards while the worker is killed again and again."
    )
    parser.add_argument(
        "--file", type=Path, default=EXAMPLES / "data" / "elements.csv", help="a CSV with a header, one card a row"
    )
    parser.add_argument("--kills", type=_count, default=5, help="how often to kill the worker (default: 5)")
    parser.add_argument("--seed", type=int, help="choose the same instants every time")
    parser.add_argument(
        "--pace", type=_seconds, default=0.25, help="seconds that one card is made to take (default: 0.25)"
    )
    parser.add_argument(
        "--workdir", type=Path, help="where to put the two databases, and keep them (default: a temporary folder)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    options = parser.parse_args(argv)
    options.file = options.file.absolute()
    options.keep = options.keep or options.workdir is not None
    options.workdir = (options.workdir or Path(tempfile.mkdtemp(prefix="flashcards-"))).absolute()
    return options


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= SLOWEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds between 0 and {SLOWEST:g}")
    return seconds


def _bring_in_and_prove(options: argparse.Namespace, deck: Deck) -> int:
    console = Console(highlight=False)
    options.workdir.mkdir(parents=True, exist_ok=True)
    database = options.workdir / "cards.db"
    CardDatabase(database).close()  # so that there is something to look at from the start
    plan = kill_plan(len(deck.cards), options.kills, options.pace, random.Random(options.seed))
    with Display(len(deck.cards), console) as display:
        supervisor = Supervisor(options.file, options.workdir, pace=options.pace, plan=plan, display=display)
        supervisor.bring_in()
    stimulation_id = stimulation_id_of(options.file)
    cards = read_cards(database, options.file.stem, stimulation_id)
    run = asyncio.run(read_run(options.workdir, stimulation_id))
    say_deck(options.file.stem, cards, console)
    say_cost(supervisor.kills, options.kills, cards, run, console)
    if options.keep:
        say(console, f"databases: {database}, {options.workdir / 'runs.db'}")
    return 0 if say_proof(deck, cards, run, console) else 1


if __name__ == "__main__":
    sys.exit(main())
