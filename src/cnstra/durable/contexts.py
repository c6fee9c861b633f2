"""Making the caller's object of a run: its stimulation context."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, final

from cnstra.core.handlers import arity_of
from cnstra.errors import GraphError

__all__ = ["CallersContext", "ContextFactory"]

ContextFactory: TypeAlias = Callable[[str, Any], Any] | Callable[[str, Any, int], Any]
"""``f(stimulation_id, metadata)`` or ``f(stimulation_id, metadata, attempt_number)``."""

_WITH_NUMBER = 3


@final
class CallersContext:
    """Makes the caller's object of each run that is given none.

    Args:
        factory: What makes it; without one there is no such object.

    Attributes:
        factory: What makes it.
    """

    def __init__(self, factory: ContextFactory | None) -> None:
        self.factory: ContextFactory | None = None
        self._make: Callable[..., Any] | None = None
        self._takes_number = False
        if factory is not None:
            self.use_by_default(factory)

    def use_by_default(self, factory: ContextFactory) -> None:
        """Use *factory* from now on, unless there is one already.

        Raises:
            GraphError: If it cannot be called.
        """
        if not callable(factory):
            raise GraphError(f"stimulation_context is {factory!r}, which cannot be called")
        if self._make is None:
            self._takes_number = arity_of(factory, "the factory of stimulation contexts") == _WITH_NUMBER
            self.factory = self._make = factory

    def of(self, stimulation_id: str, metadata: Any, attempt_number: int) -> Any:
        """Return the object of one attempt of a run; ``None`` if nothing makes one."""
        if self._make is None:
            return None
        if self._takes_number:
            return self._make(stimulation_id, metadata, attempt_number)
        return self._make(stimulation_id, metadata)
