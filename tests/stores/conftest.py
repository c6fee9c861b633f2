"""The stores that the tests run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cnstra.persist.ports import Store
from cnstra.stores import MemoryStore, SqliteStore


@pytest.fixture
async def sqlite_store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    # What is tested is in the file as soon as it is committed; that it survives a power cut is SQLite's promise.
    store = SqliteStore(tmp_path / "runs.db", synchronous="OFF", busy_timeout=0.2)
    await store.open()
    yield store
    await store.close()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "runs.db", synchronous="OFF")
    await store.open()
    yield store
    await store.close()
