"""What a broker's side must provide where there is no run store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Checkpoint"]


class Checkpoint(Protocol):
    """Where one delivery keeps the progress of its job, such as in the job itself.

    One is made for each delivery, and has what proves that this delivery still has the job: a lock's token. What it
    keeps is JSON-safe data, and the next delivery's checkpoint finds what this one saved.
    """

    async def load(self) -> object:
        """Return what the job keeps, whoever put it there; ``None`` if there is nothing."""
        ...

    async def save(self, progress: Mapping[str, Any]) -> None:
        """Replace what the job keeps.

        Raises:
            Fenced: If another delivery has the job now; nothing is changed then. The check and the change must be one.
        """
