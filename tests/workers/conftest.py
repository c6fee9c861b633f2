"""What every test of workers starts from: runs on each store that the durable tests run on."""

from tests.durable.conftest import redis_prefix, store, stores, valkey_url

__all__ = ["redis_prefix", "store", "stores", "valkey_url"]
