"""Redis stores for the tests: each with keys of its own, which are gone afterwards."""

from __future__ import annotations

import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import redis.asyncio as driver

from cnstra.stores.redis import RedisStore

__all__ = ["keys_of", "new_prefix", "open_redis_store", "remove_keys", "slot_of"]


def new_prefix() -> str:
    """Return a prefix that no other test has."""
    return f"cnstra-test-{uuid4().hex}"


@asynccontextmanager
async def open_redis_store(url: str, *, prefix: str | None = None) -> AsyncIterator[RedisStore]:
    """Open a store with a prefix of its own, and remove what it has stored at the end."""
    prefix = prefix or new_prefix()
    store = RedisStore(url, prefix=prefix)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
        await remove_keys(url, prefix)


async def keys_of(url: str, prefix: str) -> list[bytes]:
    """Return all keys with that prefix."""
    async with driver.Redis.from_url(url) as client:
        return sorted([key async for key in client.scan_iter(f"{{{prefix}*")])


async def remove_keys(url: str, prefix: str) -> None:
    """Remove all keys with that prefix."""
    async with driver.Redis.from_url(url) as client:
        for key in await keys_of(url, prefix):
            await client.unlink(key)


def slot_of(key: bytes) -> int:
    """Return the slot of a cluster that a key is in, as the specification of Redis Cluster says."""
    start = key.find(b"{")
    end = key.find(b"}", start + 1)
    if start >= 0 and end > start + 1:
        key = key[start + 1 : end]
    return binascii.crc_hqx(key, 0) % 16384
