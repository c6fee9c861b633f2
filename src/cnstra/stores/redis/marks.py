"""How far what goes by the clock has come."""

from __future__ import annotations

from typing import Final

from cnstra.stores.redis.keys import Keyspace, to_bytes
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.script import Script

__all__ = ["advance", "mark"]

_MARK: Final = Script("mark")
_ADVANCE: Final = Script("advance")


async def mark(link: Link, space: Keyspace, name: str) -> float | None:
    """Return the mark of that name."""
    at = await link.call(_MARK, [space.marks], [to_bytes(name)])
    return None if at is None else float(at)


async def advance(link: Link, space: Keyspace, name: str, to: float) -> None:
    """Move the mark of that name forward, never back."""
    await link.call(_ADVANCE, [space.marks], [to_bytes(name), repr(float(to)).encode()])
