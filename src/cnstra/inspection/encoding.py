"""Data as JSON, whatever somebody has stored."""

from __future__ import annotations

from typing import Any, Final

import msgspec

__all__ = ["in_unicode", "json_bytes"]

_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


def json_bytes(data: Any) -> bytes:
    """Return *data* as JSON; half a surrogate pair, which UTF-8 has no form of, is shown as a question mark."""
    try:
        return _encode(data)
    except UnicodeEncodeError:
        return _encode(in_unicode(data))


def in_unicode(data: Any) -> Any:
    """Return a copy of *data* in which half a surrogate pair is a question mark."""
    if isinstance(data, str):
        return data.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(data, dict):
        return {in_unicode(key): in_unicode(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [in_unicode(item) for item in data]
    return data
