"""What the two databases hold after an import: the user's own, and the store of the runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnstra.durable import TaskInfo

from .rows import BadRow
from .worker import open_runner

__all__ = ["CardRow", "CardsInDatabase", "Execution", "Hop", "RunInStore", "read_cards", "read_progress", "read_run"]


@dataclass(frozen=True, slots=True)
class CardRow:
    """One card, the activation that wrote it, and the process that was the first to do so."""

    activation_id: str
    line: int
    front: str
    back: str
    pid: int


@dataclass(frozen=True, slots=True)
class Execution:
    """A handler was started, at *at* seconds since the epoch."""

    activation_id: str
    neuron: str
    pid: int
    at: float


@dataclass(frozen=True, slots=True)
class CardsInDatabase:
    """What the card database holds of one deck; executions are in the order of their start."""

    cards: Sequence[CardRow]
    bad_rows: Sequence[BadRow]
    executions: Sequence[Execution]
    summary: str | None


@dataclass(frozen=True, slots=True)
class Hop:
    """One committed activation.

    Attributes:
        activation_id: What its handler was given as `ctx.activation_id`.
        settled_at: When it settled, in seconds since the epoch.
    """

    activation_id: str
    neuron: str
    status: str
    settled_at: float


@dataclass(frozen=True, slots=True)
class RunInStore:
    """What the store holds of one run.

    Attributes:
        attempts: How each attempt ended, in order.
        outstanding: How many tasks are left to do.
    """

    status: str
    hops: Sequence[Hop]
    attempts: Sequence[str]
    outstanding: int


def read_progress(cards: Path, deck: str, pid: int) -> tuple[int, bool]:
    """Return how many cards are in, and whether the process *pid* has started a handler."""
    with closing(_connect(cards)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM cards WHERE deck = ?", [deck]).fetchone()
        (begun,) = connection.execute("SELECT EXISTS (SELECT * FROM executions WHERE pid = ?)", [pid]).fetchone()
        return count, bool(begun)


def read_cards(cards: Path, deck: str, stimulation_id: str) -> CardsInDatabase:
    """Read what the card database holds of *deck*, which the run *stimulation_id* imported."""
    with closing(_connect(cards)) as connection:

        def rows(sql: str, *parameters: object) -> list[tuple[Any, ...]]:
            return connection.execute(sql, parameters).fetchall()

        return CardsInDatabase(
            [
                CardRow(*row)
                for row in rows("SELECT activation_id, line, front, back, pid FROM cards WHERE deck = ?", deck)
            ],
            [BadRow(*row) for row in rows("SELECT line, problem FROM bad_rows WHERE deck = ? ORDER BY line", deck)],
            [
                Execution(*row)
                for row in rows("SELECT activation_id, neuron, pid, at FROM executions ORDER BY at")
                if str(row[0]).startswith(f"{stimulation_id}:")
            ],
            next((summary for (summary,) in rows("SELECT summary FROM decks WHERE deck = ?", deck)), None),
        )


async def read_run(workdir: Path, stimulation_id: str) -> RunInStore:
    """Read what the store in *workdir* holds of the run *stimulation_id*."""
    async with open_runner(workdir) as runner:
        run = await runner.get(stimulation_id)
        return RunInStore(
            status="not in the store" if run is None else run.status,
            hops=[_hop(task) for task in await runner.tasks(stimulation_id)],
            attempts=[attempt.status for attempt in await runner.attempts(stimulation_id)],
            outstanding=len(await runner.frontier(stimulation_id)),
        )


def _hop(task: TaskInfo) -> Hop:
    settled_at = (task.started_at or 0.0) + (task.duration or 0.0)
    return Hop(task.activation_id, task.neuron_name, task.status, settled_at)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
