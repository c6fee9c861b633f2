"""What is imported when it is first needed: a synchronous run does without asyncio, which takes 40 ms to import."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

__all__ = ["bodies", "logger", "running_loop"]


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread; asks asyncio only if something has imported it."""
    events = sys.modules.get("asyncio.events")
    return None if events is None else events._get_running_loop()


def bodies() -> Any:
    """Return the part of the scheduler that needs asyncio; the first awaitable asks for it."""
    from cnstra.core import bodies as module

    return module


def logger() -> Any:
    """Return the logger of the engine."""
    import logging

    return logging.getLogger("cnstra")
