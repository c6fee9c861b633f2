"""The store without a disk."""

from __future__ import annotations

from cnstra.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
