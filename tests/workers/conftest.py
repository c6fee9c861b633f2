"""What every test of workers starts from: runs on each store that needs no server."""

from tests.durable.conftest import store, stores

__all__ = ["store", "stores"]
