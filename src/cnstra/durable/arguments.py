"""Checking what a caller hands over, before anything is done with it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, TypeAlias, get_args

from cnstra.errors import GraphError

__all__ = ["Moment", "checked_id", "moment", "one_of", "seconds", "several_of", "whole"]

Moment: TypeAlias = "datetime | float"
"""A point in time: a `datetime` with a time zone, or seconds since the epoch."""


def one_of(value: Any, literal: Any, what: str) -> Any:
    """Return *value*, which must be one of the strings of *literal*.

    Raises:
        GraphError: If it is not.
    """
    if value not in literal.__args__:  # `get_args` takes three times as long
        raise GraphError(f"{what} is one of {', '.join(map(repr, get_args(literal)))}, not {value!r}")
    return value


def several_of(given: Any, allowed: Sequence[Any], what: str) -> tuple[Any, ...]:
    """Return *given*, one string or several, as a tuple; each must be in *allowed*.

    Raises:
        GraphError: If one is not.
    """
    several = tuple(given) if isinstance(given, Collection) and not isinstance(given, str) else (given,)
    for one in several:
        if one not in allowed:
            raise GraphError(f"{what} is one of {', '.join(allowed)}, not {one!r}")
    return several


def checked_id(stimulation_id: Any) -> str:
    """Return *stimulation_id*, if a store can keep it.

    Raises:
        GraphError: If it is no string, or an empty one, or has a character that no database takes.
    """
    if not isinstance(stimulation_id, str) or not stimulation_id or "\0" in stimulation_id:
        raise GraphError(f"a stimulation_id is a string that is not empty, not {stimulation_id!r}")
    return stimulation_id


def seconds(value: Any, what: str, *, least: float | None = None) -> float:
    """Return *value*, a finite number of seconds above 0, or of *least* or more.

    Raises:
        GraphError: If it is not.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or (value <= 0 if least is None else value < least):
        wanted = "above 0" if least is None else f"of {least:g} or more"
        raise GraphError(f"{what} must be a number of seconds {wanted}, not {value!r}")
    return float(value)


def whole(value: Any, what: str, least: int, most: int | None = None) -> int:
    """Return *value*, a whole number of *least* or more.

    Raises:
        GraphError: If it is not.
    """
    if type(value) is not int or value < least or (most is not None and value > most):
        wanted = f"of {least} or more" if most is None else f"from {least} to {most}"
        raise GraphError(f"{what} must be a whole number {wanted}, not {value!r}")
    return value


def moment(value: Moment | None, what: str) -> float | None:
    """Return *value* as seconds since the epoch.

    Raises:
        GraphError: If it is neither a number nor a `datetime` with a time zone.
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise GraphError(f"{what} has no time zone: say datetime.now(tz=...), or give seconds since the epoch")
        return value.timestamp()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise GraphError(f"{what} is a datetime with a time zone, or seconds since the epoch, not {value!r}")
    return float(value)
