"""Payload classes of every supported kind, for the tests of this folder."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, NamedTuple, NotRequired, TypedDict, TypeVar

import attrs
import msgspec
import pydantic

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Card:
    front: str
    number: int = 0
    image: Any = None


@dataclass
class Deck:
    name: str
    cards: list[Card] = field(default_factory=list)

    @cached_property
    def size(self) -> int:
        return len(self.cards)


@dataclass
class Computed:
    given: int
    doubled: int = field(init=False)
    note: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.doubled = self.given * 2


@dataclass
class Tree:
    value: int
    children: list[Tree] = field(default_factory=list)


@dataclass
class Box(Generic[T]):
    value: T


@dataclass
class Account:
    balance: Decimal
    opened: datetime
    statement: Path


@dataclass
class Unresolvable:
    value: Nowhere  # type: ignore[name-defined]  # noqa: F821 - the point of this class


@dataclass
class Incomplete(Exception):
    code: int


class Point(NamedTuple):
    x: int
    y: int = 0


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Circle(msgspec.Struct, tag=True):
    radius: int
    label: str | msgspec.UnsetType = msgspec.UNSET


class Square(msgspec.Struct, tag=True, frozen=True):
    side: int


@attrs.define
class Address:
    street: str
    lines: list[str] = attrs.field(factory=list)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.StrEnum):
    FAST = "fast"


class Order(pydantic.BaseModel):
    id: int
    placed: datetime
    price: Decimal = pydantic.Field(default=Decimal(1), alias="cost")
    _seen: int = pydantic.PrivateAttr(default=0)


class Login(pydantic.BaseModel):
    """Its serializer writes the secret, so that it can be read back."""

    user: str
    code: pydantic.SecretStr

    @pydantic.field_serializer("code", when_used="json")
    def reveal(self, code: pydantic.SecretStr) -> str:
        return code.get_secret_value()


class HiddenLogin(pydantic.BaseModel):
    code: pydantic.SecretStr


class SlottedThing:
    __slots__ = ("part",)

    def __init__(self) -> None:
        self.part = 1


class PlainThing:
    def __init__(self) -> None:
        self.part = 1
