"""What is declared of a payload or a handler: its type, its JSON Schema, its documentation, its place in the source."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import PurePath
from types import NoneType
from typing import Any, Final

import msgspec

from cnstra.core.modality import ModalityResponse

__all__ = ["contract_of", "place_of"]

_LONGEST_DOC: Final = 4_000


def contract_of(declared: Any) -> Mapping[str, Any]:
    """Return what is declared of the values of one type; ``None`` is any value."""
    return {"type_name": _type_name(declared), "schema": _schema(declared), "source": place_of(declared)}


def place_of(value: Any) -> Mapping[str, Any] | None:
    """Return name, documentation, file and line of a class or function; ``None`` for what has no source."""
    if isinstance(value, ModalityResponse):
        return None
    while isinstance(value, partial):
        value = value.func
    if not isinstance(value, type) and not inspect.isroutine(value):
        value = type(value) if callable(value) and type(value).__module__ != "typing" else None
    if value is None or value.__module__ in {"builtins", "types"}:
        return None
    try:
        file, line = inspect.getsourcefile(value), _first_line(value)
    except (OSError, TypeError):  # made by exec, or written in C
        file = line = None
    return {
        "name": getattr(value, "__qualname__", ""),
        "module": value.__module__,
        "doc": _doc(value),
        "file": file,
        "line": line,
    }


def _first_line(value: type | Callable[..., Any]) -> int:
    code = getattr(inspect.unwrap(value) if not isinstance(value, type) else value, "__code__", None)
    return int(code.co_firstlineno) if code is not None else inspect.getsourcelines(value)[1]


def _doc(value: object) -> str | None:
    if isinstance(value, type):
        own = vars(value).get("__doc__")  # one that is inherited tells of another class
        if own is None or own.startswith(f"{value.__name__}("):  # what a dataclass says of itself
            return None
    doc = inspect.getdoc(value)
    return doc[:_LONGEST_DOC] if doc else None


def _type_name(declared: Any) -> str:
    if declared is None:
        return "Any"
    if declared is NoneType:
        return "None"
    return declared.__name__ if isinstance(declared, type) and not hasattr(declared, "__args__") else str(declared)


def _schema(declared: Any) -> Any:
    """Return the JSON Schema of a type; ``True``, which everything matches, if none can be told."""
    if declared is None:
        return True
    try:
        return _model_schema(declared) or msgspec.json.schema(declared, schema_hook=_nested)
    except Exception:  # noqa: BLE001 - a model's own schema is code of the user's
        return True


def _model_schema(declared: Any) -> dict[str, Any] | None:
    """Return the schema of a pydantic model, which its class knows."""
    make = getattr(declared, "model_json_schema", None)
    return None if make is None else make()


def _nested(kind: type) -> dict[str, Any]:
    made = _model_schema(kind)
    if made is not None:  # its references are to definitions of its own, so it needs a name of its own
        return {"$id": f"urn:python:{kind.__module__}.{kind.__qualname__}", **made}
    if issubclass(kind, PurePath):
        return {"type": "string"}
    raise NotImplementedError(kind)
