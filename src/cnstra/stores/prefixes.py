"""Texts that begin with a text, as a range."""

from __future__ import annotations

from typing import Final

__all__ = ["end_of_prefix", "has_surrogates"]

_LAST: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)


def has_surrogates(text: str) -> bool:
    """Tell whether a text is no valid Unicode, so that no database has one that begins like it."""
    return any(ord(letter) in _SURROGATES for letter in text)


def end_of_prefix(prefix: str) -> str | None:
    """Return the least text that comes after all that begin with *prefix*; ``None`` if nothing does.

    The order is that of the code points, and so that of the bytes in UTF-8. *prefix* holds no surrogates, and neither
    does what is returned.
    """
    for index in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[index])
        if code < _LAST:
            after = code + 1
            return prefix[:index] + chr(_SURROGATES.stop if after in _SURROGATES else after)
    return None
