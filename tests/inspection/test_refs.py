"""Ids and names in paths."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra.inspection.problems import NotShown
from cnstra.inspection.refs import name_of, ref_of

anything = st.text(st.characters(), min_size=1)  # halves of surrogate pairs, too


@given(anything)
def test_a_reference_stands_for_its_name(name: str) -> None:
    assert name_of(ref_of(name)) == name


@given(anything)
def test_a_reference_means_the_same_escaped_or_not(name: str) -> None:
    ref = ref_of(name)

    assert quote(ref, safe=":@") == ref or ref.startswith("~")
    assert urlsplit(f"http://localhost/runs/{ref}/tasks").path == f"/runs/{ref}/tasks"


@given(st.text())
def test_what_is_no_reference_is_told_so(ref: str) -> None:
    with suppress(NotShown):  # and with no other error
        assert ref_of(name_of(f"~{ref}"))


@pytest.mark.parametrize("name", ["import-2024", "01a21f8f-5ece-711c-ab52-2283a7238a27", "tenant:7@eu.west", "_x"])
def test_a_harmless_id_stands_for_itself(name: str) -> None:
    assert ref_of(name) == name


@pytest.mark.parametrize("name", ["..", ".", "a/b", "~x", "a b", "%2e", "é", "", "a?b", "\0"])
def test_any_other_is_encoded(name: str) -> None:
    assert ref_of(name).startswith("~")
