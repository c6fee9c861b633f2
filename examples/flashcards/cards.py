"""The user's own database: decks, cards, their index, and a log of every handler that was started."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .rows import BadRow, Card

__all__ = ["CardDatabase"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS decks(
    deck TEXT PRIMARY KEY, path TEXT NOT NULL, activation_id TEXT NOT NULL UNIQUE, summary TEXT);
CREATE TABLE IF NOT EXISTS bad_rows(
    deck TEXT NOT NULL, line INTEGER NOT NULL, problem TEXT NOT NULL, PRIMARY KEY (deck, line));
CREATE TABLE IF NOT EXISTS cards(
    activation_id TEXT PRIMARY KEY, deck TEXT NOT NULL, line INTEGER NOT NULL, front TEXT NOT NULL, back TEXT NOT NULL,
    pid INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tags(
    deck TEXT NOT NULL, tag TEXT NOT NULL, front TEXT NOT NULL, PRIMARY KEY (deck, tag, front));
CREATE TABLE IF NOT EXISTS executions(
    activation_id TEXT NOT NULL, neuron TEXT NOT NULL, pid INTEGER NOT NULL, at REAL NOT NULL);
"""


class CardDatabase:
    """One connection to a card database, which any thread may use.

    Every write may be repeated: after a crash the engine runs a handler again if its outcome had not been committed,
    with the activation id of the first time. The primary keys make the second write a no-op.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def log_execution(self, activation_id: str, neuron: str) -> None:
        """Record that a handler starts, before it does anything, so that each re-run leaves a row."""
        self._write("INSERT INTO executions VALUES (?, ?, ?, ?)", [(activation_id, neuron, os.getpid(), time.time())])

    def add_deck(self, activation_id: str, deck: str, path: str) -> None:
        """Open a deck."""
        self._write(
            "INSERT INTO decks(deck, path, activation_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [(deck, path, activation_id)],
        )

    def add_bad_rows(self, deck: str, bad_rows: Iterable[BadRow]) -> None:
        """Add to the report of a deck."""
        self._write(
            "INSERT INTO bad_rows VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [(deck, bad.line, bad.problem) for bad in bad_rows],
        )

    def add_card(self, activation_id: str, deck: str, card: Card) -> None:
        """Add a card; nothing happens if this activation has added it already."""
        self._write(
            "INSERT INTO cards VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(activation_id) DO NOTHING",
            [(activation_id, deck, card.line, card.front, card.back, os.getpid())],
        )

    def add_tags(self, deck: str, card: Card) -> None:
        """Add a card to the index."""
        self._write(
            "INSERT INTO tags VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [(deck, tag, card.front) for tag in card.tags],
        )

    def close_deck(self, deck: str) -> None:
        """Write the summary of a deck: its cards, its bad rows, its largest tags."""
        with self._transaction() as connection:
            (cards,) = connection.execute("SELECT count(*) FROM cards WHERE deck = ?", [deck]).fetchone()
            (bad,) = connection.execute("SELECT count(*) FROM bad_rows WHERE deck = ?", [deck]).fetchone()
            tags = connection.execute(
                "SELECT tag, count(*) FROM tags WHERE deck = ? GROUP BY tag ORDER BY 2 DESC, 1", [deck]
            ).fetchall()
            largest = ", ".join(f"{tag} ({count})" for tag, count in tags[:3]) or "none"
            summary = f"{cards} cards, {bad} bad rows, {len(tags)} tags; largest: {largest}"
            connection.execute("UPDATE decks SET summary = ? WHERE deck = ?", [summary, deck])

    def _write(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with self._transaction() as connection:
            connection.executemany(sql, rows)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._connection:  # the connection commits at the end, or rolls back
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection
