"""Types, functions and docstrings of an application, as short text that is the same in every process."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from types import NoneType
from typing import Any, Final

from cnstra.core.modality import ModalityResponse

__all__ = ["first_line", "handler_name", "source_of", "type_text"]

_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+", re.IGNORECASE)


def type_text(declared: Any) -> str | None:
    """Return a declared type as text; ``None`` where nothing is declared."""
    if declared is None:
        return None
    if declared is NoneType:
        return "None"
    if isinstance(declared, type) and not getattr(declared, "__args__", None):
        return declared.__qualname__
    return _ADDRESS.sub("", repr(declared)).replace("typing.", "")


def handler_name(handler: Callable[..., Any]) -> str:
    """Return module and qualified name of a handler, or of the class of one that is an object."""
    if isinstance(handler, ModalityResponse):
        return "modality_dendrite"
    target = _innermost(handler)
    if not hasattr(target, "__qualname__"):
        target = type(target)
    return f"{target.__module__}.{target.__qualname__}" if target.__module__ else target.__qualname__


def source_of(handler: Callable[..., Any]) -> tuple[str | None, int | None]:
    """Return the file and the first line of a handler, or ``None`` where they cannot be told."""
    code = getattr(_innermost(handler), "__code__", None)
    if code is None:
        code = getattr(getattr(type(handler), "__call__", None), "__code__", None)  # noqa: B004 - the method itself
    if code is None or isinstance(handler, ModalityResponse):
        return None, None
    return code.co_filename, code.co_firstlineno


def first_line(doc: str | None) -> str | None:
    """Return the first line of a docstring, or ``None`` if it says nothing."""
    text = inspect.cleandoc(doc).partition("\n")[0].strip() if isinstance(doc, str) else ""
    return text or None


def _innermost(handler: Callable[..., Any]) -> Any:
    target: Any = handler
    while isinstance(target, functools.partial):
        target = target.func
    return inspect.unwrap(target)
