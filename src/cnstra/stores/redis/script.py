"""The scripts, each with what stands before it, as the server knows them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, final

__all__ = ["CHANGING", "READING", "Script"]

_FOLDER: Final = Path(__file__).with_name("scripts")

READING: Final = ("fields",)
CHANGING: Final = ("fields", "clock", "indexes", "runs")
"""What a script needs before it that reads runs, or moves them."""


@final
class Script:
    """One script.

    Args:
        name: Of its file.
        before: The names of the files whose functions it uses.

    Attributes:
        name: Of its file.
        text: What the server compiles.
        digest: By which the server knows it.
    """

    __slots__ = ("digest", "name", "text")

    def __init__(self, name: str, *before: str) -> None:
        self.name = name
        self.text = b"\n".join((_FOLDER / f"{part}.lua").read_bytes() for part in (*before, name))
        self.digest = hashlib.sha1(self.text, usedforsecurity=False).hexdigest().encode()
