"""Reading hashes, of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cnstra.stores.redis.link import Link
from cnstra.stores.redis.script import Script

__all__ = ["every_field", "pairs"]

_PAGE: Final = Script("page")
_AT_ONCE: Final = 1000


async def every_field(link: Link, key: bytes) -> dict[bytes, bytes]:
    """Read a hash, a part at a time: what is in it all the while is read for certain."""
    fields: dict[bytes, bytes] = {}
    cursor = b"0"
    while True:
        cursor, part = await link.call(_PAGE, [key], [cursor, b"%d" % _AT_ONCE])
        fields |= pairs(part)
        if cursor == b"0":
            return fields


def pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    """Make a mapping of names and values in turn."""
    return dict(zip(flat[::2], flat[1::2], strict=True))
