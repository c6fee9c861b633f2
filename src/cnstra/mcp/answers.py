"""What the tools answer, as types: a client gets the schema of each, and text that is the same as JSON.

The words are those of the DevTools' API. Points in time are RFC 3339 in UTC, durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from cnstra.inspection.encoding import in_unicode, json_bytes

__all__ = ["Answer", "Value"]

_LARGEST: Final = 64 * 1024
_WHOLE: Final = 1024 * 1024
"""Nothing larger is shown whole, even if it is asked for."""


class Answer(BaseModel):
    """Something that is shown; it is made of what the DevTools show."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Return the answer that has *data*, whatever somebody has stored."""
        return cls.model_validate(in_unicode(dict(data)))


class Value(Answer):
    """A stored value as JSON data.

    What is not shown is an object with one key: $redacted (a secret), $cut, $number (as text), $unreadable.
    """

    bytes: Annotated[int, Field(description="Size of the whole value as JSON.")]
    is_cut: bool
    data: Any = None
    note: Annotated[str | None, Field(description="How to get more of a value that is cut.")] = None

    @classmethod
    def shown(cls, shown: Mapping[str, Any] | None, note: str) -> Self | None:
        """Return what a `Shower` shows; cut again if that is still large."""
        if shown is None:
            return None
        data, is_cut = in_unicode(shown["data"]), shown["is_cut"] or shown["bytes"] > _WHOLE
        if is_cut and len(text := json_bytes(data)) > _LARGEST:
            data = {"$cut": {"text": text[:2_000].decode(errors="replace"), "characters": len(text)}}
        return cls(bytes=shown["bytes"], is_cut=is_cut, data=data, note=note if is_cut else None)
