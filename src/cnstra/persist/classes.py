"""What an instance of a class consists of: its fields, and what it may hold beside them."""

from __future__ import annotations

import dataclasses
from functools import cached_property

__all__ = ["attributes_of", "caches_of", "is_model", "is_secret", "slots_of"]

# A class on top of one of these has content that no field holds.
_WITH_CONTENT = (BaseException, bytearray, bytes, dict, float, frozenset, int, list, set, str, tuple)
# What typing keeps on an instance of a parametrised class; it says nothing about the value.
_HARMLESS = frozenset({"__orig_class__"})


def attributes_of(kind: type) -> tuple[str, ...] | None:
    """Return the names of the fields of a dataclass, Struct, attrs class or pydantic model; else ``None``."""
    if issubclass(kind, _WITH_CONTENT):
        return None
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    if hasattr(kind, "__struct_fields__"):
        return tuple(kind.__struct_fields__)
    if hasattr(kind, "__attrs_attrs__"):
        return tuple(attribute.name for attribute in kind.__attrs_attrs__)
    if is_model(kind):
        return (*kind.model_fields, "__pydantic_extra__", "__pydantic_private__")  # type: ignore[attr-defined]  # a model
    return None


def is_model(kind: object) -> bool:
    """Tell whether *kind* is a pydantic model class, without importing pydantic."""
    return isinstance(kind, type) and hasattr(kind, "model_validate_json") and hasattr(kind, "model_dump")


def is_secret(kind: object) -> bool:
    """Tell whether *kind* hides a value as pydantic's ``SecretStr`` does, without importing pydantic."""
    return isinstance(kind, type) and hasattr(kind, "get_secret_value")


def slots_of(kind: type) -> set[str]:
    """Return the names of all slots of *kind*, as they are on an instance."""
    slots: set[str] = set()
    for base in kind.__mro__:
        declared = vars(base).get("__slots__", ())
        for slot in (declared,) if isinstance(declared, str) else declared:
            if not slot.endswith("__"):
                slots.add(f"_{base.__name__.lstrip('_')}{slot}" if slot.startswith("__") else slot)
    return slots


def caches_of(kind: type) -> frozenset[str]:
    """Return what an instance of *kind* may gain, or lack, without being another value."""
    attributes = (item for base in kind.__mro__ for item in vars(base).items())
    return _HARMLESS | {name for name, value in attributes if isinstance(value, cached_property)}
