from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import final

import pytest

from cnstra.persist.ports import Store
from cnstra.stores import SqliteStore
from cnstra.testing import Ledger, StoreContract


@final
class SqliteLedger:
    """A table in the file of the store."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE ledger (text TEXT NOT NULL)")

    async def write(self, connection: sqlite3.Connection, text: str) -> None:
        await asyncio.to_thread(connection.execute, "INSERT INTO ledger VALUES (?)", (text,))

    async def end(self, connection: sqlite3.Connection) -> None:
        connection.execute("COMMIT")

    async def read(self) -> list[str]:
        with closing(sqlite3.connect(self._path)) as connection:
            return [text for (text,) in connection.execute("SELECT text FROM ledger ORDER BY text")]


class TestEveryStore(StoreContract):
    """On memory and on SQLite, by the fixture `store`."""

    @pytest.fixture
    def ledger(self, store: Store, tmp_path: Path) -> Ledger:
        if not isinstance(store, SqliteStore):
            pytest.skip("no transactions")
        return SqliteLedger(tmp_path / "runs.db")
