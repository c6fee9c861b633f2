"""What there is to say when something cannot be shown."""

from __future__ import annotations

from typing import Literal, TypeAlias, final

from cnstra.errors import CNSError

__all__ = ["NotShown", "Why"]

Why: TypeAlias = Literal["not_found", "no_page", "no_task", "no_neuron", "no_collateral", "no_part", "history_too_long"]
"""For programs: it stays the same when the words change."""


@final
class NotShown(CNSError):
    """What was asked for is not there, or is too much; that no run has an id is `cnstra.errors.RunNotFound`.

    Attributes:
        code: For programs.
        detail: For people.
    """

    def __init__(self, code: Why, detail: str) -> None:
        super().__init__(code, detail)
        self.code: Why = code
        self.detail = detail

    def __str__(self) -> str:
        return self.detail
