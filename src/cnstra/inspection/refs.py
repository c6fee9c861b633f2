"""Ids and names in the path of an address.

An id is any text: it may have slashes, which servers and proxies take for separators however they are escaped, or be
``..``, which browsers resolve. What is harmless stands for itself, so that an address can be read; anything else is
written as ``~`` and the base64url of its UTF-8, without padding.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from cnstra.inspection.problems import NotShown

__all__ = ["name_of", "ref_of"]

_HARMLESS: Final = re.compile(r"[A-Za-z0-9_:@-][A-Za-z0-9_:@.-]*")


def ref_of(name: str) -> str:
    """Return what stands for an id or a name in a path."""
    if _HARMLESS.fullmatch(name):
        return name
    encoded = base64.urlsafe_b64encode(name.encode("utf-8", "surrogatepass")).decode().rstrip("=")
    return f"~{encoded}"


def name_of(ref: str) -> str:
    """Return the id or name that *ref* stands for.

    Raises:
        NotShown: If it is no such reference.
    """
    if not ref.startswith("~"):
        return ref
    encoded = ref[1:]
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        return raw.decode("utf-8", "surrogatepass")
    except (binascii.Error, ValueError):
        raise NotShown("not_found", f"{ref!r} is no reference: '~' is followed by base64url of UTF-8") from None
