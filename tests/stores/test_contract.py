from __future__ import annotations

from cnstra.testing import StoreContract


class TestEveryStore(StoreContract):
    """On memory and on SQLite, by the fixture `store`."""
