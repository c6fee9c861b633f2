from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra.core.signals import Collateral, collateral
from cnstra.errors import GraphError, NameConflict, UnknownName
from cnstra.persist.table import NameTable, Naming

Table = NameTable[Collateral[None]]


def _table(*wanted: Naming[Collateral[None]]) -> Table:
    table = Table("collateral")
    table.require_free(wanted)
    table.add(wanted)
    return table


ONE, OTHER = collateral(type(None), name="one"), collateral(type(None), name="other")


def test_a_name_leads_to_the_object_and_back() -> None:
    table = _table(Naming("first", ONE))

    assert table.get("first") is ONE
    assert table.name_of(ONE) == "first"
    assert table.get("second") is None
    assert table.name_of(OTHER) is None


def test_an_alias_is_read_and_never_written() -> None:
    table = _table(Naming("new", ONE, ("old", "older")))

    assert table.get("old") is table.get("older") is ONE
    assert table.name_of(ONE) == "new"


@pytest.mark.parametrize(
    ("wanted", "conflict"),
    [
        (Naming("first", OTHER), "<Collateral one>, which holds it"),
        (Naming("alias", OTHER), "<Collateral one>, which holds it"),
        (Naming("second", OTHER, ("first",)), "<Collateral one>, which holds it"),
        (Naming("second", ONE), "'first', the name that <Collateral one> has"),
        (Naming("alias", ONE), "'first', the name that <Collateral one> has"),
    ],
)
def test_a_name_never_changes_hands(wanted: Naming[Collateral[None]], conflict: str) -> None:
    table = _table(Naming("first", ONE, ("alias",)))

    with pytest.raises(NameConflict, match=conflict):
        table.require_free([wanted])


@pytest.mark.parametrize(
    "wanted",
    [
        [Naming("a", ONE), Naming("a", OTHER)],
        [Naming("a", ONE), Naming("b", ONE)],
        [Naming("a", ONE), Naming("b", OTHER, ("a",))],
        [Naming("a", ONE, ("b",)), Naming("b", OTHER)],
    ],
)
def test_wishes_may_be_in_each_others_way(wanted: list[Naming[Collateral[None]]]) -> None:
    with pytest.raises(NameConflict):
        Table("collateral").require_free(wanted)


def test_the_same_pair_may_be_added_again() -> None:
    table = _table(Naming("first", ONE))
    again = [Naming("first", ONE, ("alias", "first"))]

    table.require_free(again)
    table.add(again)

    assert table.get("alias") is ONE


def test_what_is_removed_is_free_again() -> None:
    table = _table(Naming("first", ONE, ("alias",)))

    table.remove(ONE)
    table.remove(ONE)

    table.require_free([Naming("alias", OTHER, ("first",)), Naming("second", ONE)])
    assert table.get("first") is table.get("alias") is None


@pytest.mark.parametrize("name", ["", 5, None, "a\0b", "\ud800"])
def test_a_name_that_no_store_keeps_is_refused(name: str) -> None:
    with pytest.raises(GraphError, match="collateral"):
        Table("collateral").require_free([Naming(name, ONE)])


def test_an_unknown_name_gets_a_hint() -> None:
    table = _table(Naming("import-started", ONE))

    with pytest.raises(UnknownName, match=r"did you mean 'import-started'\?.*aliases=\('import_started',\)"):
        table.require("import_started")
    with pytest.raises(UnknownName, match="register it, or give its new name"):
        table.require("zzz")
    assert table.require("import-started") is ONE


def test_a_name_that_is_no_text_is_unknown() -> None:
    with pytest.raises(UnknownName):
        _table(Naming("first", ONE)).require(["first"])  # type: ignore[arg-type]  # read from a file, say


def test_an_object_without_a_name_says_what_to_do() -> None:
    table = _table(Naming("first", ONE))

    assert table.require_name(ONE, "one", "register it") == "first"
    with pytest.raises(UnknownName, match="collateral 'other' is not registered; say this"):
        table.require_name(OTHER, "other", "say this")


@given(names=st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 5)), max_size=20))
def test_both_directions_agree_whatever_is_tried(names: list[tuple[str, int]]) -> None:
    objects = [collateral(type(None)) for _ in range(6)]
    table = Table("collateral")
    for name, index in names:
        wanted = [Naming(name, objects[index])]
        try:
            table.require_free(wanted)
        except NameConflict:
            continue
        table.add(wanted)

    for value in objects:
        name_of = table.name_of(value)
        assert name_of is None or table.get(name_of) is value
    assert all(table.name_of(held) == name for name in "abcdef" if (held := table.get(name)))
