"""Versions of a payload: how a value that older code stored becomes one that this code declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cnstra.errors import GraphError, PayloadError

__all__ = ["FIRST", "PayloadVersion", "Upcast"]

Upcast: TypeAlias = Callable[[Any], Any]
"""Takes the plain JSON data of one version and returns that of the next."""


@dataclass(frozen=True, slots=True)
class PayloadVersion:
    """The version of a collateral's payloads that this code writes, and the steps from older ones.

    Attributes:
        number: Counted from 1.
        upcasts: Version to the function that makes the next one of it; a version that nobody stores may be left out.

    Raises:
        GraphError: If the version is not a whole number of 1 or more, or a step is not below it or cannot be called.
    """

    number: int = 1
    upcasts: Mapping[int, Upcast] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if type(self.number) is not int or self.number < 1:
            raise GraphError(f"a payload version is a whole number of 1 or more, not {self.number!r}")
        for step, function in self.upcasts.items():
            if type(step) is not int or not 1 <= step < self.number:
                raise GraphError(
                    f"upcast[{step!r}] leads from a version below {self.number}; give version={step!r} + 1 or more"
                )
            if not callable(function):
                raise GraphError(f"upcast[{step}] is {function!r}, which cannot be called")

    def require_readable(self, stored: object, where: str) -> None:
        """Do nothing if a payload of version *stored* can be made one of this version.

        Raises:
            PayloadError: If newer code wrote it, or a step is missing.
        """
        if type(stored) is not int or stored < 1:
            raise PayloadError(where, "$", f"its version is {stored!r}, not a whole number of 1 or more")
        if stored > self.number:
            problem = f"written by newer code as version {stored}; this code knows {self.number}: deploy the newer code"
            raise PayloadError(where, "$", problem)
        missing = [step for step in range(stored, self.number) if step not in self.upcasts]
        if missing:
            problem = (
                f"stored as version {stored}, and nothing leads on from {missing[0]}: give upcast={{{missing[0]}: ...}}"
            )
            raise PayloadError(where, "$", problem)

    def upcast(self, stored: int, data: Any, where: str) -> Any:
        """Turn *data* of version *stored* into data of this version, step by step.

        Raises:
            PayloadError: If a step raises.
        """
        for step in range(stored, self.number):
            try:
                data = self.upcasts[step](data)
            except Exception as error:
                problem = f"the upcast from version {step} failed with {type(error).__name__}: {error}"
                raise PayloadError(where, "$", problem) from error
        return data


FIRST = PayloadVersion()
"""What a collateral has that was registered without a version."""
