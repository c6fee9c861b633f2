"""Columns of values as arrays in Postgres' binary format.

The driver's own dumpers for lists take a microsecond a value, which for a commit of fifty runs is more than the server
needs for its part; these take 0.1 us.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, final

from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format

__all__ = ["PACKERS", "Packed", "PackedDumper", "Packer", "pack_columns", "pack_row"]

_BYTES, _BIGINT, _INTEGER, _TEXT, _FLOAT = 17, 20, 23, 25, 701
_HEADER = struct.Struct(">5i")  # dimensions, whether there are nulls, the type, length, first index
_LENGTH = struct.Struct(">i").pack
_LONG = struct.Struct(">q").pack
_INT = struct.Struct(">i").pack
_DOUBLE = struct.Struct(">d").pack
_LONG_ELEMENT = struct.Struct(">iq").pack
_DOUBLE_ELEMENT = struct.Struct(">id").pack
_NULL = _LENGTH(-1)


@lru_cache(1024)
def _fixed_struct(code: str, count: int) -> struct.Struct:
    return struct.Struct(f">5i{f'i{code}' * count}")


def _fixed(oid: int, code: str, size: int) -> Callable[[Sequence[Any]], bytes]:
    def pack(values: Sequence[Any]) -> bytes:
        count = len(values)
        flat: list[Any] = [size] * (2 * count)
        flat[1::2] = values
        return _fixed_struct(code, count).pack(1, 0, oid, count, 1, *flat)

    return pack


def _join(oid: int, elements: Iterable[bytes], count: int) -> bytes:
    return _HEADER.pack(1, 1, oid, count, 1) + b"".join(elements)


def _maybe_longs(values: Sequence[int | None]) -> bytes:
    return _join(_BIGINT, [_NULL if value is None else _LONG_ELEMENT(8, value) for value in values], len(values))


def _maybe_doubles(values: Sequence[float | None]) -> bytes:
    return _join(_FLOAT, [_NULL if value is None else _DOUBLE_ELEMENT(8, value) for value in values], len(values))


@lru_cache(8192)
def _name_element(text: str) -> bytes:
    encoded = text.encode()
    return _LENGTH(len(encoded)) + encoded


def _names(values: Sequence[str]) -> bytes:
    return _join(_TEXT, map(_name_element, values), len(values))


def _maybe_texts(values: Sequence[str | None]) -> bytes:
    return _maybe_bytes([None if value is None else value.encode() for value in values], _TEXT)


def _maybe_bytes(values: Sequence[bytes | None], oid: int = _BYTES) -> bytes:
    elements = [_NULL if value is None else _LENGTH(len(value)) + value for value in values]
    return _join(oid, elements, len(values))


class Packer(NamedTuple):
    """How a kind of column is packed.

    Attributes:
        sql: What a value is cast to, and an array of them with ``[]`` behind it.
        pack: Packs the values of a column as an array.
        pack_one: Packs one value that is not ``None``.
    """

    sql: str
    pack: Callable[[Sequence[Any]], bytes]
    pack_one: Callable[[Any], bytes]


PACKERS: Final[Mapping[str, Packer]] = {
    "bigint": Packer("bigint", _fixed(_BIGINT, "q", 8), _LONG),
    "bigint?": Packer("bigint", _maybe_longs, _LONG),
    "integer": Packer("integer", _fixed(_INTEGER, "i", 4), _INT),
    "float": Packer("double precision", _fixed(_FLOAT, "d", 8), _DOUBLE),
    "float?": Packer("double precision", _maybe_doubles, _DOUBLE),
    "name": Packer("text", _names, str.encode),
    "text?": Packer("text", _maybe_texts, str.encode),
    "bytes?": Packer("bytea", _maybe_bytes, bytes),
}
"""By the kind of a column. A question mark: values may be ``None``. A name: one of few that come again and again."""


def pack_columns(kinds: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[bytes]:
    """Pack *rows* column by column; with no rows each column is an empty array."""
    columns: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else [()] * len(kinds)
    return [PACKERS[kind].pack(column) for kind, column in zip(kinds, columns, strict=True)]


def pack_row(kinds: Sequence[str], row: Sequence[Any]) -> list[bytes | None]:
    """Pack the values of one row, each by itself."""
    return [None if value is None else PACKERS[kind].pack_one(value) for kind, value in zip(kinds, row, strict=True)]


@final
class Packed(bytes):
    """A packed column, as a parameter for the driver."""


@final
class PackedDumper(Dumper):
    """Hands a packed column to the driver as it is; the statement's cast says what it is."""

    format = Format.BINARY

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)
        self.oid = 0

    def dump(self, obj: Packed) -> bytes:
        """Return *obj*."""
        return obj
