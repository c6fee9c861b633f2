import functools
from typing import Any

import pytest

from cnstra.graphs.describing import first_line, handler_name, source_of, type_text


class Called:
    def __call__(self, payload: Any) -> None: ...


def plain(payload: Any, extra: int = 0) -> None: ...


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        (None, None),
        (type(None), "None"),
        (int, "int"),
        (list[str], "list[str]"),
        (str | None, "str | None"),
        (Any, "Any"),
        (Called, "Called"),
    ],
)
def test_a_type_is_short_text(declared: Any, text: str | None) -> None:
    assert type_text(declared) == text


def test_an_address_in_memory_is_left_out() -> None:
    class Odd:
        pass

    assert " at 0x" not in (type_text(Odd()) or "")


def test_a_handler_has_the_name_of_its_function_or_of_its_class() -> None:
    assert handler_name(functools.partial(plain, extra=1)) == "tests.graphs.test_describing.plain"
    assert handler_name(Called()) == "tests.graphs.test_describing.Called"


def test_a_handler_without_source_has_none() -> None:
    file, line = source_of(Called())

    assert file == __file__
    assert line is not None
    assert source_of([].append) == (None, None)


def test_a_docstring_that_says_nothing_is_none() -> None:
    assert (first_line(None), first_line("  \n "), first_line("\n    One.\n    Two.")) == (None, None, "One.")
