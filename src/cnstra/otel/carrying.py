"""The context of a trace inside a run's metadata: it goes where the run goes, and is there after a resume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.propagate import extract, inject

__all__ = ["carried", "with_context"]

_KEY: Final = "otel"


def with_context(metadata: Mapping[str, Any] | None = None, *, context: Context | None = None) -> dict[str, Any]:
    """Return metadata for a run that is to be part of the trace at hand, wherever and whenever it runs.

    ```python
    await runner.enqueue(signal, metadata=with_context({"tenant": "north"}))
    ```

    Args:
        metadata: What else the run is started with.
        context: Of the trace; the current one unless given.
    """
    carrier: dict[str, str] = {}
    inject(carrier, context=context)
    return {**(metadata or {}), _KEY: carrier} if carrier else dict(metadata or {})


def carried(metadata: Mapping[str, Any]) -> Context | None:
    """Return the context that `with_context` has put into *metadata*; ``None`` if there is none, or it is damaged."""
    carrier = metadata.get(_KEY)
    if not isinstance(carrier, Mapping):
        return None
    return extract({name: value for name, value in carrier.items() if isinstance(value, str)})
