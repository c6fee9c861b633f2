"""Data as JSON, whatever somebody has stored."""

from __future__ import annotations

from typing import Any, Final

import msgspec

__all__ = ["json_bytes"]

_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


def json_bytes(data: Any) -> bytes:
    """Return *data* as JSON; half a surrogate pair, which UTF-8 has no form of, is shown as a question mark."""
    try:
        return _encode(data)
    except UnicodeEncodeError:
        return _encode(_in_unicode(data))


def _in_unicode(data: Any) -> Any:
    if isinstance(data, str):
        return data.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(data, dict):
        return {_in_unicode(key): _in_unicode(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_in_unicode(item) for item in data]
    return data
