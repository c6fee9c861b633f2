"""The store in Redis or Valkey; needs ``pip install 'cnstra[redis]'``."""

from __future__ import annotations

from cnstra.stores.redis.store import RedisStore

__all__ = ["RedisStore"]
