"""Every store of the package, and runners on it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cnstra.durable import committer
from cnstra.persist.ports import Store
from cnstra.stores import MemoryStore, SqliteStore

Reopen = Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Reopen:
    """Open the same runs each time it is called, as another process would."""
    if request.param == "memory":
        memory = MemoryStore()
        return lambda: memory
    return lambda: SqliteStore(tmp_path / "runs.db", synchronous="OFF")


@pytest.fixture
def store(stores: Reopen) -> Store:
    return stores()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commits that fail be tried again at once."""
    monkeypatch.setattr(committer, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(committer, "_MAX_PAUSE", 0.001)
