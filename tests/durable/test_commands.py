"""Commands before they are stored, and after."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from cnstra.durable.commands import (
    KINDS,
    ForkArguments,
    StimulateArguments,
    arguments_of,
    attempt_seen,
    command_info,
    derived_id,
    new_command,
    version_of,
)
from cnstra.errors import GraphError
from cnstra.persist.commands import CommandRecord
from cnstra.persist.records import RunStatus

RETRY: dict[str, Any] = {"kind": "retry", "stimulation_id": "a", "key": "k", "actor": "ann", "arguments": {}}


@dataclass
class Run:
    attempt_number: int
    status: RunStatus


def record(**changes: Any) -> CommandRecord:
    given: dict[str, Any] = {
        "number": 7, "scope": "", "key": "k", "kind": "retry", "stimulation_id": "a", "arguments": b"{}",
        "actor": "ann", "seen": None, "ordered_at": 1_700_000_000.0,
    }  # fmt: skip
    return CommandRecord(**{**given, **changes})


def test_a_version_tells_attempt_and_status() -> None:
    assert version_of(Run(2, "failed")) == "2-failed"
    assert attempt_seen("12-running") == 12


def test_a_payload_is_kept_as_it_was_given() -> None:
    new = new_command("", "fork", "a", key="k", actor="ann", arguments={"from_task": 3, "payload": {"n": 2**70}})

    read = arguments_of(record(arguments=new.arguments), ForkArguments)

    assert read.from_task == 3
    assert json.loads(bytes(read.payload)) == {"n": 2**70}  # type: ignore[arg-type]  # it is not unset


def test_null_is_a_payload() -> None:
    new = new_command("", "stimulate", None, key="k", actor="ann", arguments={"collateral": "c", "payload": None})

    assert bytes(arguments_of(record(arguments=new.arguments), StimulateArguments).payload) == b"null"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kind": "explode"}, r"kind is one of retry, clone, fork, abort, delete, stimulate, not 'explode'"),
        ({"stimulation_id": None}, "stimulation_id is the id of the run that retry is about, not None"),
        ({"stimulation_id": ""}, "stimulation_id is the id"),
        ({"stimulation_id": 7}, "stimulation_id is the id"),
        ({"kind": "stimulate"}, "stimulate is about no run"),
        ({"key": ""}, "key is a text of 1 to 200 characters"),
        ({"key": "k" * 201}, "key is a text"),
        ({"actor": None}, "actor is a text"),
        ({"seen": "failed"}, "seen is the version of a run, such as '2-failed', not 'failed'"),
        ({"seen": "2-exploded"}, "seen is the version"),
        ({"arguments": {"reason": "x"}}, "arguments: Object contains unknown field `reason`"),
        ({"kind": "abort", "arguments": {"reason": 1}}, r"arguments.reason: Expected `str \| null`, got `int`"),
        ({"kind": "clone", "arguments": {"new_id": ""}}, "arguments.new_id is a text of 1 to"),
        ({"kind": "clone", "arguments": {"new_id": "a\0"}}, "arguments.new_id has a NUL character"),
        ({"kind": "fork"}, "arguments: Object missing required field `from_task`"),
        ({"kind": "fork", "arguments": {"from_task": -1}}, "arguments.from_task: Expected `int` >= 0"),
        ({"kind": "fork", "arguments": {"from_task": "1"}}, "arguments.from_task: Expected `int`, got `str`"),
        ({"kind": "abort", "arguments": {"reason": "\ud800"}}, "arguments: no JSON data"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(changes: dict[str, Any], problem: str) -> None:
    given = {**RETRY, **changes}

    with pytest.raises(GraphError, match=problem):
        new_command("", given.pop("kind"), given.pop("stimulation_id"), **given)


def test_arguments_that_no_reader_survives_are_refused() -> None:
    deep: Any = []
    for _ in range(300):
        deep = [deep]

    with pytest.raises(GraphError, match="nested deeper than 256 levels"):
        new_command("", "stimulate", None, key="k", actor="ann", arguments={"collateral": "c", "payload": deep})


def test_every_kind_takes_the_least_that_it_needs() -> None:
    needed: dict[str, dict[str, Any]] = {"fork": {"from_task": 0}, "stimulate": {"collateral": "c", "payload": 1}}

    stored = [
        new_command(
            "s", kind, None if kind == "stimulate" else "a", key=kind, actor="ann", arguments=needed.get(kind, {})
        )
        for kind in KINDS
    ]

    assert [(one.scope, one.kind, one.key) for one in stored] == [("s", kind, kind) for kind in KINDS]


def test_the_id_of_what_a_command_makes_is_always_the_same() -> None:
    made = derived_id(record())

    assert made == derived_id(record(status="taken", takes=3, taken_by="w"))
    assert (
        len({made, *(derived_id(record(**{name: "x"})) for name in ("scope", "key")), derived_id(record(number=8))})
        == 4
    )
    assert made < derived_id(record(ordered_at=1_700_000_001.0))


def test_what_another_version_has_stored_can_be_looked_at() -> None:
    assert command_info(record(arguments=b"\xff")).arguments == {}
    with pytest.raises(GraphError, match="arguments"):
        arguments_of(record(arguments=b"\xff"), ForkArguments)
