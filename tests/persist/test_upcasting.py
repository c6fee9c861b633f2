from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra.errors import GraphError, PayloadError
from cnstra.persist.upcasting import FIRST, PayloadVersion


def _noted(step: int) -> Any:
    return lambda data: [*data, step]


def test_steps_are_taken_one_after_the_other() -> None:
    version = PayloadVersion(3, {1: _noted(1), 2: _noted(2)})

    assert version.upcast(1, [], "here") == [1, 2]


@given(newest=st.integers(1, 20), data=st.data())
def test_every_step_from_the_stored_version_on_is_taken_once(newest: int, data: st.DataObject) -> None:
    stored = data.draw(st.integers(1, newest))
    version = PayloadVersion(newest, {step: _noted(step) for step in range(1, newest)})

    assert version.upcast(stored, [], "here") == list(range(stored, newest))


def test_the_first_version_needs_no_step() -> None:
    FIRST.require_readable(1, "here")

    assert FIRST.upcast(1, {"a": 1}, "here") == {"a": 1}


def test_a_version_of_newer_code_is_refused() -> None:
    with pytest.raises(PayloadError, match="written by newer code as version 3; this code knows 2: deploy"):
        PayloadVersion(2, {1: _noted(1)}).require_readable(3, "here")


def test_a_version_that_nothing_leads_on_from_is_refused() -> None:
    with pytest.raises(PayloadError, match=r"stored as version 1, and nothing leads on from 1: give upcast=\{1:"):
        PayloadVersion(3, {2: _noted(2)}).require_readable(1, "here")


@pytest.mark.parametrize("stored", [0, -1, True, "1", None, 1.0])
def test_a_malformed_stored_version_is_refused(stored: object) -> None:
    with pytest.raises(PayloadError, match="its version is"):
        FIRST.require_readable(stored, "here")


def test_a_step_that_raises_names_its_version() -> None:
    version = PayloadVersion(2, {1: lambda data: data["gone"]})

    with pytest.raises(PayloadError, match="the upcast from version 1 failed with KeyError: 'gone'") as failure:
        version.upcast(1, {}, "collateral c")
    assert failure.value.where == "collateral c"


@pytest.mark.parametrize(
    ("number", "upcasts", "problem"),
    [
        (0, {}, "whole number"),
        (True, {}, "whole number"),
        ("2", {}, "whole number"),
        (1, {1: _noted(1)}, "leads from a version below 1"),
        (3, {3: _noted(3)}, "leads from a version below 3"),
        (2, {"1": _noted(1)}, "leads from a version below 2"),
        (2, {1: "no function"}, "cannot be called"),
    ],
)
def test_a_malformed_version_is_refused(number: Any, upcasts: Any, problem: str) -> None:
    with pytest.raises(GraphError, match=problem):
        PayloadVersion(number, upcasts)
