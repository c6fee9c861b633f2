"""Stored JSON as it is shown: redacted, and cut where it is large."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import Any, Final, final

from cnstra.inspection.redacting import Redaction

__all__ = ["PREVIEW_BYTES", "Shower"]

PREVIEW_BYTES: Final = 16 * 1024
"""JSON up to this size is shown whole."""
_TEXT: Final = 2_000
_PARTS: Final = 50
_DEPTH: Final = 12
_BUDGET: Final = 2_000
_UNREADABLE: Final = 200
_SAFE_DIGITS: Final = 15  # with its sign; JavaScript counts to 9007199254740991


@final
class Shower:
    """Shows payloads, context values and metadata.

    A value is shown as ``{"bytes", "is_cut", "is_readable", "data"}``. What is not shown of the data is an object with
    one key that says why: ``$redacted``, ``$cut`` (a long text, or how much of a list, an object or a depth is left
    out), ``$number`` (one that JavaScript would change, as text), ``$unreadable``.

    Args:
        redaction: What must not be shown.
        full: Whether large values are shown whole, too.
    """

    def __init__(self, redaction: Redaction, *, full: bool = False) -> None:
        self._redaction = redaction
        self._full = full

    def value(self, stored: bytes, secrets: Collection[str] = (), name: str = "") -> Mapping[str, Any]:
        """Return a stored value.

        Args:
            stored: JSON, or what somebody has made of it.
            secrets: Keys that its declared type says are secret.
            name: What it is stored under, for the user's own redaction.
        """
        is_cut = len(stored) > PREVIEW_BYTES and not self._full
        try:
            data = self._redaction.data(_parsed(stored), secrets, name)
        except (ValueError, RecursionError):
            text = self._redaction.text(stored[:_UNREADABLE].decode(errors="replace"))
            is_cut = len(stored) > _UNREADABLE
            return {"bytes": len(stored), "is_cut": is_cut, "is_readable": False, "data": {"$unreadable": text}}
        shown = _Cut().of(data, 0) if is_cut else data
        return {"bytes": len(stored), "is_cut": is_cut, "is_readable": True, "data": shown}


def _parsed(stored: bytes) -> Any:
    return json.loads(stored, parse_int=_whole, parse_float=_number, parse_constant=_written)


def _whole(digits: str) -> Any:
    return int(digits) if len(digits) <= _SAFE_DIGITS else _written(digits)


def _number(digits: str) -> Any:
    value = float(digits)
    return value if math.isfinite(value) else _written(digits)


def _written(digits: str) -> Mapping[str, str]:
    """Return a number that a browser would read as another one, or not at all."""
    return {"$number": digits[:_TEXT]}


@final
class _Cut:
    """Makes a small copy of large data, with so many parts at most."""

    def __init__(self) -> None:
        self._left = _BUDGET

    def of(self, data: Any, depth: int) -> Any:
        """Return a copy in which long texts, lists, objects and depths end early."""
        self._left -= 1
        if isinstance(data, str):
            return data if len(data) <= _TEXT else {"$cut": {"text": data[:_TEXT], "characters": len(data)}}
        if not isinstance(data, (list, dict)):
            return data
        if depth >= _DEPTH or self._left <= 0:
            return {"$cut": {"items" if isinstance(data, list) else "keys": len(data)}}
        return self._items(data, depth) if isinstance(data, list) else self._entries(data, depth)

    def _items(self, data: list[Any], depth: int) -> list[Any]:
        kept = []
        for item in data[:_PARTS]:
            if self._left <= 0:
                break
            kept.append(self.of(item, depth + 1))
        if len(kept) < len(data):
            kept.append({"$cut": {"items": len(data) - len(kept)}})
        return kept

    def _entries(self, data: dict[str, Any], depth: int) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, value in data.items():
            if self._left <= 0 or len(kept) == _PARTS:
                break
            kept[key[:_TEXT]] = self.of(value, depth + 1)
        if len(kept) < len(data):
            kept["$cut"] = {"keys": len(data) - len(kept)}
        return kept
