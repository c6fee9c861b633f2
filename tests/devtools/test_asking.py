"""What is asked for, checked."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from starlette.requests import Request

from cnstra.devtools.asking import Asked
from cnstra.devtools.problems import ApiProblem


def asked(*pairs: tuple[str, str]) -> Asked:
    scope = {"type": "http", "query_string": urlencode(pairs).encode()}
    return Asked(Request(scope), "a", "b")


def test_what_is_not_given_has_a_default() -> None:
    nothing = asked()

    assert (nothing.text("a"), nothing.texts("a", "xy"), nothing.choice("a", "xy"), nothing.moment("a")) == (None,) * 4
    assert nothing.whole("a", 7, least=0, most=9) == 7
    assert nothing.truth("a") is False


def test_what_is_given_is_read() -> None:
    assert asked(("a", "x y/ä")).text("a") == "x y/ä"
    assert asked(("a", "x"), ("a", "y"), ("a", "x")).texts("a", "xyz") == ["x", "y"]
    assert asked(("a", "9")).whole("a", 7, least=0, most=9) == 9
    assert asked(("a", "1.5e3")).moment("a") == 1_500.0
    assert asked(("a", "true")).truth("a") is True


def test_an_unknown_parameter_is_told_of_with_those_that_are_known() -> None:
    with pytest.raises(ApiProblem, match="no parameter 'c' here; there are: a, b"):
        asked(("c", "1"))


@pytest.mark.parametrize("given", ["x" * 1_025, "a\0b"])
def test_a_text_that_no_store_could_look_for_is_refused(given: str) -> None:
    with pytest.raises(ApiProblem):
        asked(("a", given)).text("a")


def test_what_may_be_given_once_is_refused_twice() -> None:
    twice = asked(("a", "x"), ("a", "y"))

    with pytest.raises(ApiProblem, match="2 times"):
        twice.text("a")
    with pytest.raises(ApiProblem, match="2 times"):
        twice.choice("a", "xy")


@pytest.mark.parametrize("given", ["-1", "10", "1.0", "1e0", " 1", "+1", "0x1", "²", "9" * 5_000, "\u0661"])
def test_what_is_no_whole_number_within_the_bounds_is_refused(given: str) -> None:
    with pytest.raises(ApiProblem):
        asked(("a", given)).whole("a", 1, least=0, most=9)


@pytest.mark.parametrize("given", ["-1", "nan", "inf", "1e300", "yesterday", "2024-01-01"])
def test_what_is_no_moment_is_refused(given: str) -> None:
    with pytest.raises(ApiProblem):
        asked(("a", given)).moment("a")


@pytest.mark.parametrize("given", ["1", "yes", "True"])
def test_what_is_no_truth_is_refused(given: str) -> None:
    with pytest.raises(ApiProblem):
        asked(("a", given)).truth("a")


def test_a_choice_that_is_none_is_refused() -> None:
    with pytest.raises(ApiProblem, match="one of x, y, not 'z'"):
        asked(("a", "z")).texts("a", "xy")
