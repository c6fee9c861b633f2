"""What is told of types, functions and classes."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import NoneType
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from cnstra.inspection.contracts import contract_of, place_of


@dataclass
class Undocumented:
    place: PurePosixPath


class Documented(Undocumented):
    """Has a word to say."""


class Inner(BaseModel):
    number: int


class Outer(BaseModel):
    inner: Inner


@dataclass
class Around:
    outer: Outer


class Callable_:  # noqa: N801 - what it is, and no more
    def __call__(self, payload: int) -> None: ...


def plain(payload: int) -> None:
    """Say what it does."""


@functools.wraps(plain)
def wrapper(payload: int) -> None:
    plain(payload)


TYPES = [(None, "Any"), (NoneType, "None"), (int, "int"), (list[int], "list[int]"), (int | None, "int | None")]


@pytest.mark.parametrize(("declared", "name"), [*TYPES, (Inner, "Inner")])
def test_a_type_goes_by_its_name(declared: Any, name: str) -> None:
    assert contract_of(declared)["type_name"] == name


def test_a_schema_tells_what_is_allowed() -> None:
    assert contract_of(None)["schema"] is True
    assert contract_of(int)["schema"] == {"type": "integer"}
    assert contract_of(Inner)["schema"]["properties"]["number"]["type"] == "integer"


def test_a_type_whose_schema_cannot_be_told_allows_everything() -> None:
    assert contract_of(object())["schema"] is True


def test_a_path_is_a_text() -> None:
    schema = contract_of(Undocumented)["schema"]

    assert schema["$defs"]["Undocumented"]["properties"]["place"] == {"type": "string"}


def test_the_references_of_a_model_inside_are_to_its_own_definitions() -> None:
    schema = contract_of(Around)["schema"]

    [inside] = [part for part in _parts(schema) if part.get("title") == "Outer"]
    assert inside["$id"].startswith("urn:python:")
    assert "Inner" in inside["$defs"]


def _parts(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for part in schema for found in _parts(part)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(found for part in schema.values() for found in _parts(part))]


@pytest.mark.parametrize(
    ("value", "name", "doc"),
    [
        (plain, "plain", "Say what it does."),
        (functools.partial(plain, 1), "plain", "Say what it does."),
        pytest.param(wrapper, "plain", "Say what it does.", id="wrapper"),
        (Callable_(), "Callable_", None),
        (Undocumented, "Undocumented", None),
        (Documented, "Documented", "Has a word to say."),
        (lambda payload: None, "<lambda>", None),
    ],
)
def test_a_place_is_where_it_was_written(value: Any, name: str, doc: str | None) -> None:
    place = place_of(value)

    assert place is not None
    assert (place["name"], place["doc"]) == (name, doc)
    lines = Path(place["file"]).read_text(encoding="utf-8").splitlines()
    assert any(name.strip("<>") in line for line in lines[place["line"] - 1 : place["line"] + 1])


@pytest.mark.parametrize("value", [int, None, list[int], "text", 7])
def test_what_has_no_source_has_no_place(value: Any) -> None:
    assert place_of(value) is None


def test_what_was_made_without_a_file_has_a_name_alone() -> None:
    made = msgspec.defstruct("Made", [("number", int)], module="nowhere")

    place = place_of(made)

    assert place is not None
    assert (place["name"], place["file"], place["line"]) == ("Made", None, None)
