"""Texts that a client gets and gives back: sealed, so that it can give back only what it got."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any, Final, final

__all__ = ["Seal"]

_TAG: Final = 16


@final
class Seal:
    """Signs small JSON data; it can be read by anybody, and made by nobody else.

    Args:
        secret: What the signature depends on.
        purpose: What is sealed for one purpose is refused for another.
    """

    def __init__(self, secret: str, purpose: str) -> None:
        self._key = hashlib.blake2b(purpose.encode(), key=hashlib.blake2b(secret.encode()).digest()).digest()

    def close(self, data: Any) -> str:
        """Return *data* as a text of letters, digits, ``-`` and ``_``."""
        body = json.dumps(data, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._tag(body) + body).decode().rstrip("=")

    def open(self, text: str) -> Any:
        """Return the data of a text that was made by `close`; ``None`` if it was not."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        tag, body = raw[:_TAG], raw[_TAG:]
        return json.loads(body) if hmac.compare_digest(tag, self._tag(body)) else None

    def _tag(self, body: bytes) -> bytes:
        return hmac.new(self._key, body, hashlib.sha256).digest()[:_TAG]
