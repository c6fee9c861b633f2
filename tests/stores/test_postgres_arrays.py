"""What is packed arrives as it was, by the word of a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnstra.stores.postgres.arrays import PACKERS, Packed, PackedDumper, pack_columns, pack_row

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
longs = st.integers(-(1 << 63), (1 << 63) - 1)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bigint": longs,
    "bigint?": st.none() | longs,
    "integer": st.integers(-(1 << 31), (1 << 31) - 1),
    "float": st.floats(allow_nan=False),
    "float?": st.none() | st.floats(allow_nan=False),
    "name": texts,
    "text?": st.none() | texts,
    "bytes?": st.none() | st.binary(max_size=20),
}


@pytest.fixture(scope="module")
def connection(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_url, autocommit=True, client_encoding="utf8") as connection:
        connection.adapters.register_dumper(Packed, PackedDumper)
        yield connection


def test_every_kind_has_its_values() -> None:
    assert VALUES.keys() == PACKERS.keys()


@pytest.mark.parametrize("kind", VALUES)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_array_arrives_as_it_was(connection: psycopg.Connection[Any], kind: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(VALUES[kind], max_size=5))
    [column] = pack_columns([kind], [(value,) for value in values])

    row = connection.execute(f"SELECT %s::{PACKERS[kind].sql}[]".encode(), (Packed(column),), binary=True).fetchone()

    assert row is not None
    assert row[0] == values


@pytest.mark.parametrize("kind", VALUES)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_value_arrives_as_it_was(connection: psycopg.Connection[Any], kind: str, data: st.DataObject) -> None:
    value = data.draw(VALUES[kind])
    [packed] = pack_row([kind], [value])

    parameter = None if packed is None else Packed(packed)
    row = connection.execute(f"SELECT %s::{PACKERS[kind].sql}".encode(), (parameter,), binary=True).fetchone()

    assert row == (value,)


@pytest.mark.parametrize("rows", [[], [(1, "a")], [(1, "a"), (2, "b")]])
def test_rows_are_packed_by_column(connection: psycopg.Connection[Any], rows: list[tuple[int, str]]) -> None:
    columns = [Packed(column) for column in pack_columns(["bigint", "name"], rows)]

    found = connection.execute("SELECT * FROM unnest(%s::bigint[], %s::text[])", columns).fetchall()

    assert found == rows
