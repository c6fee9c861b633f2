"""What can be derived about the chemical elements must hold in the data of the demonstration."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import pytest

from examples.flashcards.rows import ELEMENT_COLUMNS, read_deck

PATH = Path(__file__).parents[2] / "examples" / "data" / "elements.csv"
NOBLE_GASES = (2, 10, 18, 36, 54, 86, 118)
F_BLOCK = {*range(57, 71), *range(89, 103)}
RADIOACTIVE = {43, 61, *range(84, 90), *range(93, 119)}  # no standard atomic weight; Th, Pa and U have one


@pytest.fixture(scope="module")
def elements() -> list[dict[str, str]]:
    with PATH.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def expected_group(number: int) -> str:
    """Derive the group from the shape of the table: the s-block stands left, all else is counted from the right."""
    if number in F_BLOCK:
        return ""
    start, end = next((low, high) for low, high in pairwise((0, *NOBLE_GASES)) if number <= high)
    position = number - start
    return str(position if position <= 2 and number != 2 else 18 - (end - number))


def test_the_pipeline_takes_every_row() -> None:
    deck = read_deck(PATH)

    assert len(deck.cards) == 118
    assert deck.bad_rows == ()


def test_the_columns_are_those_that_the_pipeline_knows(elements: list[dict[str, str]]) -> None:
    assert tuple(elements[0]) == ELEMENT_COLUMNS


def test_numbers_run_from_1_to_118_once_each(elements: list[dict[str, str]]) -> None:
    assert [int(row["atomic_number"]) for row in elements] == list(range(1, 119))


def test_symbols_and_names_are_unique_and_spelled_like_symbols_and_names(elements: list[dict[str, str]]) -> None:
    symbols, names = [row["symbol"] for row in elements], [row["name"] for row in elements]

    assert len(set(symbols)) == len(set(names)) == 118
    assert all(text.isascii() and text.isalpha() and text == text.capitalize() for text in symbols + names)
    assert all(1 <= len(symbol) <= 2 for symbol in symbols)


def test_a_symbol_starts_as_its_name_does_but_for_the_ten_latin_ones(elements: list[dict[str, str]]) -> None:
    others = {row["symbol"] for row in elements if row["symbol"][0] != row["name"][0]}

    assert others == {"Na", "K", "Fe", "Ag", "Sn", "Sb", "W", "Au", "Hg", "Pb"}


def test_groups_follow_the_layout_of_the_table(elements: list[dict[str, str]]) -> None:
    for row in elements:
        assert row["group"] == expected_group(int(row["atomic_number"])), row["symbol"]


def test_masses_rise_with_the_number_but_for_the_known_pairs(elements: list[dict[str, str]]) -> None:
    falling = {
        (lighter["symbol"], heavier["symbol"])
        for lighter, heavier in pairwise(elements)
        if float(heavier["mass"]) < float(lighter["mass"])
    }

    stable = {("Ar", "K"), ("Co", "Ni"), ("Te", "I"), ("Th", "Pa")}
    assert falling == stable | {("U", "Np"), ("Pu", "Am"), ("Bh", "Hs")}


def test_a_mass_is_the_number_two_to_three_times_over(elements: list[dict[str, str]]) -> None:
    for row in elements[1:]:  # all but hydrogen, which has no neutron
        assert 1.98 <= float(row["mass"]) / int(row["atomic_number"]) <= 2.62, row["symbol"]


def test_only_elements_without_a_standard_weight_have_a_mass_number(elements: list[dict[str, str]]) -> None:
    assert {int(row["atomic_number"]) for row in elements if "." not in row["mass"]} == RADIOACTIVE


def test_years_are_plausible(elements: list[dict[str, str]]) -> None:
    years = {row["symbol"]: int(row["discovered"]) for row in elements if row["discovered"] != "antiquity"}

    assert min(years, key=years.__getitem__) == "P"  # Hennig Brand, 1669, the first with a known discoverer
    assert all(1669 <= year <= 2010 for year in years.values())
    assert all(years[row["symbol"]] >= 1937 for row in elements if int(row["atomic_number"]) > 92)


def test_antiquity_knew_eleven_elements(elements: list[dict[str, str]]) -> None:
    known = {row["symbol"] for row in elements if row["discovered"] == "antiquity"}

    assert known == {"C", "S", "Fe", "Cu", "As", "Ag", "Sn", "Sb", "Au", "Hg", "Pb"}
