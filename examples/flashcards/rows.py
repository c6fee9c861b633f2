"""Read a CSV of flash cards: every row becomes a card, or a line in the report of bad rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["BadRow", "Card", "Deck", "UnreadableDeck", "read_deck"]

ELEMENT_COLUMNS = ("symbol", "name", "atomic_number", "group", "mass", "discovered")
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}")  # int() would take "1_000", " 7 " and digits of any script
NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")  # float() would take "nan" and "1e999"


@dataclass(frozen=True, slots=True)
class Card:
    """One flash card.

    Attributes:
        line: Where its row ends in the file, counted from 1.
        tags: What the card is found by in the index.
    """

    line: int
    front: str
    back: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no card, and why."""

    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class Deck:
    """What a file holds."""

    cards: tuple[Card, ...]
    bad_rows: tuple[BadRow, ...]


class UnreadableDeck(Exception):
    """The file as a whole is no deck; one line says why."""


class RowError(ValueError):
    """One row is no card."""


def read_deck(path: Path) -> Deck:
    """Read *path*: UTF-8, a header, then one row a card.

    With the columns of `ELEMENT_COLUMNS` the rows are checked as chemical elements; any other header makes plain cards,
    the first column in front and the rest on the back.

    Raises:
        UnreadableDeck: If the file cannot be read, is not text, or has no usable header.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UnreadableDeck(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnreadableDeck(f"{path} is not UTF-8 text (byte {error.start})") from error
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    return _collect(rows, _header(rows, path))


def _header(rows: csv.DictReader[str], path: Path) -> list[str]:
    try:
        header = [name.strip() for name in rows.fieldnames or ()]
    except csv.Error as error:
        raise UnreadableDeck(f"{path} has no readable header: {error}") from error
    if len(header) < 2 or not all(header):  # noqa: PLR2004 - a front and a back
        raise UnreadableDeck(f"{path} has no header: its first line must name two columns or more")
    if len(set(header)) < len(header):
        raise UnreadableDeck(f"{path} names a column twice in its header")
    rows.fieldnames = header
    return header


def _collect(rows: csv.DictReader[str], header: list[str]) -> Deck:
    make_card = element_card if set(ELEMENT_COLUMNS) <= set(header) else plain_card
    cards: dict[str, Card] = {}
    bad_rows: list[BadRow] = []
    while True:
        try:
            row = next(rows, None)
            if row is None:
                return Deck(tuple(cards.values()), tuple(bad_rows))
            card = make_card(rows.reader.line_num, _complete(row))
            _add(card, cards)
        except (csv.Error, RowError) as error:
            bad_rows.append(BadRow(rows.reader.line_num, str(error)))


def _add(card: Card, cards: dict[str, Card]) -> None:
    first = cards.setdefault(card.front, card)
    if first is not card:
        raise RowError(f"{card.front!r} is on line {first.line} already")


def _complete(row: Mapping[str | None, str | list[str] | None]) -> dict[str, str]:
    """Return *row* stripped, if it has one field for each name in the header."""
    fields = {name: field.strip() for name, field in row.items() if name is not None and isinstance(field, str)}
    if len(fields) < len(row):  # DictReader files what is too much under None, and fills up with None
        raise RowError("has more fields than the header" if None in row else "has fewer fields than the header")
    return fields


def plain_card(line: int, row: Mapping[str, str]) -> Card:
    """Make a card of any row: the first column in front, the others on the back."""
    (front_name, front), *rest = row.items()
    if not front:
        raise RowError(f"{front_name} is missing")
    back = [text for _, text in rest if text]
    if not back:
        raise RowError("has nothing for the back of the card")
    return Card(line, front, ", ".join(back), (f"starts with {front[0].upper()}",))


def element_card(line: int, row: Mapping[str, str]) -> Card:
    """Make a card of a chemical element."""
    for name in ("symbol", "name"):
        if not row[name]:
            raise RowError(f"{name} is missing")
    number = _between(row, "atomic_number", 1, 999)
    group = f"group {_between(row, 'group', 1, 18)}" if row["group"] else "f-block"
    if row["discovered"] == "antiquity":
        found, era = "known since antiquity", "antiquity"
    else:
        year = _whole(row, "discovered")
        found, era = f"discovered in {year}", f"{year // 10}0s"
    back = f"{row['name']}, number {number}, {group}, {_mass(row)} u, {found}"
    return Card(line, row["symbol"], back, (group, era))


def _whole(row: Mapping[str, str], name: str) -> int:
    if not row[name]:
        raise RowError(f"{name} is missing")
    if not WHOLE_NUMBER.fullmatch(row[name]):
        raise RowError(f"{name} {row[name]!r} is not a whole number")
    return int(row[name])


def _between(row: Mapping[str, str], name: str, low: int, high: int) -> int:
    number = _whole(row, name)
    if not low <= number <= high:
        raise RowError(f"{name} {number} is not between {low} and {high}")
    return number


def _mass(row: Mapping[str, str]) -> str:
    if not row["mass"]:
        raise RowError("mass is missing")
    if not NUMBER.fullmatch(row["mass"]) or float(row["mass"]) == 0:
        raise RowError(f"mass {row['mass']!r} is not a positive number")
    return row["mass"]
