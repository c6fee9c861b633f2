from __future__ import annotations

from tests.stores.contract import StoreContract


class TestEveryStore(StoreContract):
    """On memory and on SQLite, by the fixture `store`."""
