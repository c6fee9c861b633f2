"""What helps to start a run from the page: a schema, examples, and whether a payload is one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cnstra.devtools import serve
from cnstra.stores import MemoryStore
from tests.devtools.shop import SECRET, Shop, sell
from tests.devtools.visiting import TOKEN, Visitor, visiting


@pytest.fixture
async def visitor(shop: Shop) -> AsyncIterator[Visitor]:
    async with shop.runner(MemoryStore()) as runner:
        for number in range(7):
            await sell(runner, shop, f"run-{number}", number=number)
        with serve(runner, token=TOKEN, quiet=True) as url:
            async with visiting(url) as visitor:
                yield visitor


async def test_a_form_has_the_schema_and_what_was_sent_before(visitor: Visitor) -> None:
    form = await visitor.get("/collaterals/ordered/form")

    assert form["collateral_name"] == "ordered"
    assert list(form["schema"]["$defs"]["Order"]["properties"]) == ["number", "note", "password"]
    assert [one["ref"] for one in form["examples"]] == [f"run-{number}" for number in (6, 5, 4, 3, 2)]
    assert form["examples"][0]["payload"] == {"number": 6, "note": "", "password": {"$redacted": "key"}}
    assert SECRET not in str(form)


async def test_a_collateral_that_starts_no_run_has_no_examples(visitor: Visitor) -> None:
    assert (await visitor.get("/collaterals/packed/form"))["examples"] == []
    assert await visitor.problem("/collaterals/nothing/form") == "no_collateral"


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({"number": 1, "note": "n"}, None),
        ({"number": "one"}, ("$.number", "Expected `int`, got `str`")),
        ({"note": "n"}, ("$", "Object missing required field `number`")),
        (None, ("$", "Expected `object`, got `null`")),
        ([[[]]], ("$", "Expected `object`, got `array`")),
    ],
)
async def test_a_payload_is_validated_with_its_place(
    visitor: Visitor, payload: Any, problem: tuple[str, str] | None
) -> None:
    status, verdict = await visitor.send("/collaterals/ordered/validate", {"payload": payload})

    assert status == 200
    assert verdict["ok"] == (problem is None)
    assert [(one["path"], one["message"]) for one in verdict["problems"]] == ([] if problem is None else [problem])


async def test_what_a_declared_type_would_drop_is_a_problem(visitor: Visitor) -> None:
    _, verdict = await visitor.send("/collaterals/ordered/validate", {"payload": {"number": 1, "amount": 2}})

    [problem] = verdict["problems"]
    assert problem["path"] == "$.amount"


@pytest.mark.parametrize("body", [{}, [], {"payload": 1, "more": 2}, b"", b"{", {"payload": "\ud800"}, b"[" * 9_999])
async def test_a_body_that_brings_no_payload_is_refused(visitor: Visitor, body: Any) -> None:
    status, problem = await visitor.send("/collaterals/ordered/validate", body)

    assert (status, problem["code"]) == (400, "bad_request")


async def test_an_unknown_collateral_is_told(visitor: Visitor) -> None:
    status, problem = await visitor.send("/collaterals/nothing/validate", {"payload": 1})

    assert (status, problem["code"]) == (404, "no_collateral")


async def test_without_the_graph_there_are_examples_alone(shop: Shop) -> None:
    store = MemoryStore()
    async with shop.runner(store) as runner:
        await sell(runner, shop, "a")
    with serve(store, token=TOKEN, quiet=True) as url:
        async with visiting(url) as visitor:
            form = await visitor.get("/collaterals/ordered/form")
            status, problem = await visitor.send("/collaterals/ordered/validate", {"payload": 1})

    assert (form["schema"], [one["ref"] for one in form["examples"]]) == (None, ["a"])
    assert (status, problem["code"]) == (400, "no_graph")
