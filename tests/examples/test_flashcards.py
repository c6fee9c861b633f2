"""The demonstration: its parts alone, then all of it, with a worker that is really killed."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from examples.flashcards.cards import CardDatabase
from examples.flashcards.evidence import CardRow, CardsInDatabase, Execution, Hop, RunInStore, read_cards
from examples.flashcards.proof import figures_of, prove
from examples.flashcards.rows import BadRow, Card, Deck, UnreadableDeck, read_deck
from examples.flashcards.supervisor import kill_plan

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"
ELEMENT_HEADER = "symbol,name,atomic_number,group,mass,discovered"
IRON = "Fe,Iron,26,8,55.845,antiquity"
CARD = Card(2, "Fe", "Iron", ("group 8",))


def written(tmp_path: Path, text: str | bytes) -> Path:
    file = tmp_path / "deck.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


# --- rows


def test_a_row_of_elements_becomes_a_card(tmp_path: Path) -> None:
    deck = read_deck(written(tmp_path, f"{ELEMENT_HEADER}\n{IRON}\nCe,Cerium,58,,140.12,1803\n"))

    assert deck.bad_rows == ()
    assert deck.cards == (
        Card(2, "Fe", "Iron, number 26, group 8, 55.845 u, known since antiquity", ("group 8", "antiquity")),
        Card(3, "Ce", "Cerium, number 58, f-block, 140.12 u, discovered in 1803", ("f-block", "1800s")),
    )


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (",Iron,26,8,55.845,1800", "symbol is missing"),
        ("Fe,,26,8,55.845,1800", "name is missing"),
        ("Fe,Iron,,8,55.845,1800", "atomic_number is missing"),
        ("Fe,Iron,2_6,8,55.845,1800", "atomic_number '2_6' is not a whole number"),
        ("Fe,Iron,0,8,55.845,1800", "atomic_number 0 is not between 1 and 999"),
        ("Fe,Iron,26,19,55.845,1800", "group 19 is not between 1 and 18"),
        ("Fe,Iron,26,8,,1800", "mass is missing"),
        ("Fe,Iron,26,8,nan,1800", "mass 'nan' is not a positive number"),
        ("Fe,Iron,26,8,0.0,1800", "mass '0.0' is not a positive number"),
        ("Fe,Iron,26,8,55.845,", "discovered is missing"),
        ("Fe,Iron,26,8,55.845,long ago", "discovered 'long ago' is not a whole number"),
        ("Fe,Iron,26,8,55.845", "has fewer fields than the header"),
        ("Fe,Iron,26,8,55.845,1800,more", "has more fields than the header"),
        ('Fe,"Iron"y,26,8,55.845,1800', "',' expected after '\"'"),
        ('Fe,"Iron,26,8,55.845,1800', "unexpected end of data"),
    ],
)
def test_a_bad_row_becomes_a_line_of_the_report(tmp_path: Path, row: str, problem: str) -> None:
    deck = read_deck(written(tmp_path, f"{ELEMENT_HEADER}\nH,Hydrogen,1,1,1.008,1766\n{row}\n"))

    assert [card.front for card in deck.cards] == ["H"]
    assert deck.bad_rows == (BadRow(3, problem),)


def test_the_second_row_of_one_front_is_bad(tmp_path: Path) -> None:
    deck = read_deck(written(tmp_path, f"{ELEMENT_HEADER}\n{IRON}\n\n{IRON}\n"))

    assert (len(deck.cards), deck.bad_rows) == (1, (BadRow(4, "'Fe' is on line 2 already"),))


def test_a_deck_of_any_other_columns_has_its_first_in_front(tmp_path: Path) -> None:
    text = '\ufeffWort;Übersetzung;Notiz\r\nHaus;"house;\nhome";\r\n;nothing;\r\nLeere;;\r\n'

    deck = read_deck(written(tmp_path, text))

    assert deck.cards == (Card(3, "Haus", "house;\nhome", ("starts with H",)),)
    assert deck.bad_rows == (BadRow(4, "Wort is missing"), BadRow(5, "has nothing for the back of the card"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "has no header"),
        (b"one column\n1\n", "has no header"),
        (b"front,,back\n", "has no header"),
        (b"front,back,back\n", "names a column twice"),
        (b'"front,back\n', "has no readable header"),
        (b"front,back\n\xff\xfe,x\n", r"is not UTF-8 text \(byte 11\)"),
    ],
)
def test_a_file_that_is_no_deck_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(UnreadableDeck, match=problem):
        read_deck(written(tmp_path, content))


def test_a_folder_is_no_deck(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDeck, match="cannot read"):
        read_deck(tmp_path)


# --- the card database


@pytest.fixture
def cards(tmp_path: Path) -> Iterator[CardDatabase]:
    with closing(CardDatabase(tmp_path / "cards.db")) as cards:
        yield cards


def test_writing_everything_twice_is_writing_it_once(cards: CardDatabase, tmp_path: Path) -> None:
    for _ in range(2):
        cards.log_execution("run:1", "writer")
        cards.add_deck("run:0", "metals", "metals.csv")
        cards.add_bad_rows("metals", [BadRow(3, "name is missing")])
        cards.add_card("run:1", "metals", CARD)
        cards.add_tags("metals", CARD)
        cards.close_deck("metals")

    found = read_cards(tmp_path / "cards.db", "metals", "run")
    assert [(card.activation_id, card.front) for card in found.cards] == [("run:1", "Fe")]
    assert found.bad_rows == [BadRow(3, "name is missing")]
    assert [execution.activation_id for execution in found.executions] == ["run:1", "run:1"]
    assert found.summary == "1 cards, 1 bad rows, 1 tags; largest: group 8 (1)"


def test_one_card_of_two_activations_is_there_twice(cards: CardDatabase, tmp_path: Path) -> None:
    cards.add_card("run:1", "metals", CARD)
    cards.add_card("run:2", "metals", CARD)

    assert len(read_cards(tmp_path / "cards.db", "metals", "run").cards) == 2


# --- the plan


def test_one_seed_gives_one_plan_that_leaves_cards_for_the_last_kill() -> None:
    plan = kill_plan(118, 5, 0.2, random.Random(3))

    assert plan == kill_plan(118, 5, 0.2, random.Random(3))
    assert [kill.cards for kill in plan] == sorted(kill.cards for kill in plan)
    assert all(kill.cards <= 106 and 0 <= kill.delay <= 0.2 for kill in plan)


@pytest.mark.parametrize("total", [0, 1, 4])
def test_a_small_deck_is_killed_at_its_start(total: int) -> None:
    assert {kill.cards for kill in kill_plan(total, 3, 0.2, random.Random(0))} == {0}


# --- the proof

DECK = Deck((CARD,), ())
NEURONS = ("deck", "reader", "closer", "writer", "indexer", "closer", "summary")
RUN = RunInStore(
    "completed", [Hop(f"run:{n}", name, "done", n + 20.5) for n, name in enumerate(NEURONS)], ["lost", "completed"], 0
)
CARDS = CardsInDatabase(
    cards=[CardRow("run:3", 2, "Fe", "Iron", pid=11)],
    bad_rows=[],
    executions=[
        *(Execution(f"run:{n}", name, 11, n) for n, name in enumerate(NEURONS[:4])),
        *(Execution(f"run:{n}", name, 12, n + 20) for n, name in enumerate(NEURONS) if n > 2),
    ],
    summary="1 cards",
)


def broken(deck: Deck, cards: CardsInDatabase, run: RunInStore) -> list[str]:
    return [f"{check.promise}: {check.breach}" for check in prove(deck, cards, run) if check.breach]


def test_the_proof_of_a_sound_import_holds() -> None:
    assert broken(DECK, CARDS, RUN) == []


def test_the_figures_count_what_was_done_twice() -> None:
    figures = figures_of(CARDS, RUN)

    assert (figures.hops, figures.executions, figures.re_runs, figures.rewritten) == (7, 8, 1, 1)


@pytest.mark.parametrize(
    ("cards", "breach"),
    [
        (replace(CARDS, cards=[]), "every valid row is a card: missing: Fe"),
        (
            replace(CARDS, cards=[*CARDS.cards, CardRow("x", 9, "Zz", "?", 1)]),
            "every card is a valid row: not in the file: Zz",
        ),
        (
            replace(CARDS, cards=[*CARDS.cards, replace(CARDS.cards[0], activation_id="x")]),
            "no card is there twice: twice: Fe",
        ),
        (replace(CARDS, bad_rows=[BadRow(3, "?")]), "every bad row is in the report: 1 reported, 0 in the file"),
        (replace(CARDS, summary=None), "the deck is closed: it has no summary"),
    ],
)
def test_the_proof_sees_what_is_wrong_with_the_cards(cards: CardsInDatabase, breach: str) -> None:
    assert breach in broken(DECK, cards, RUN)


# --- everything


def elements(tmp_path: Path) -> Path:
    """Write a deck of 20 rows of which 4 are bad."""
    lines = (DEMO.parent / "data" / "elements.csv").read_text(encoding="utf-8").splitlines()[:17]
    lines[5:5] = ["Xx,Nothing,1,1,heavy,1900", "H,Hydrogen,1,1,1.008,1766"]
    lines += [",Nameless,3,1,6.94,1817", "Yy,Short"]
    return written(tmp_path, "\n".join(lines) + "\n")


def demo(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DEMO), *map(str, arguments)]
    environment = {**os.environ, **environment}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=90, check=False)


def test_the_demo_proves_an_import_that_was_killed_twice(tmp_path: Path) -> None:
    file, workdir = elements(tmp_path), tmp_path / "work"

    ended = demo("--kills", "2", "--seed", "1", "--pace", "0.1", "--file", file, "--workdir", workdir, cwd=tmp_path)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "kills: 2 of 2" in ended.stdout
    assert "deck deck: 16 cards, 4 bad rows" in ended.stdout
    with closing(sqlite3.connect(workdir / "cards.db")) as cards:
        assert cards.execute("SELECT count(*), count(DISTINCT front) FROM cards").fetchone() == (16, 16)
        assert cards.execute("SELECT line FROM bad_rows ORDER BY line").fetchall() == [(6,), (7,), (20,), (21,)]
        assert cards.execute("SELECT count(DISTINCT pid) FROM executions").fetchone() == (3,)
        assert cards.execute("SELECT count(DISTINCT activation_id) FROM executions").fetchone() == (3 + 3 * 16 + 1,)


def test_without_kills_nothing_runs_twice_and_the_temporary_folder_is_removed(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    file = written(tmp_path, "front,back\nHaus,house\nBaum,tree\n")

    ended = demo("--kills", "0", "--pace", "0", "--file", "deck.csv", cwd=file.parent, TMPDIR=str(temporary))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "10 committed; 0 were started again" in ended.stdout
    assert list(temporary.iterdir()) == []


def test_a_sabotaged_card_database_fails_the_proof(tmp_path: Path) -> None:
    arguments = ("--kills", "0", "--pace", "0", "--file", elements(tmp_path), "--workdir", tmp_path)
    assert demo(*arguments, cwd=tmp_path).returncode == 0

    with closing(sqlite3.connect(tmp_path / "cards.db")) as cards, cards:
        cards.execute("UPDATE cards SET back = 'Lead' WHERE front = 'He'")
        cards.execute("DELETE FROM cards WHERE front = 'Li'")
    ended = demo(*arguments, cwd=tmp_path)

    assert ended.returncode == 1
    assert "FAILED  every valid row is a card: missing: He, Li" in ended.stdout
    assert "NOT PROVED: 2 of 11 promises" in ended.stdout


@pytest.mark.parametrize("name", ["cards.db", "runs.db"])
def test_a_file_that_is_no_database_is_one_line_and_status_1(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no database " * 100)

    ended = demo("--kills", "0", "--file", elements(tmp_path), "--workdir", tmp_path, cwd=tmp_path)

    assert ended.returncode == 1
    assert "not a database" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_path_that_leads_nowhere_is_one_line_and_status_2(tmp_path: Path) -> None:
    ended = demo("--file", "nowhere.csv", cwd=tmp_path)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"cannot read {tmp_path / 'nowhere.csv'}: No such file or directory\n"


def test_the_worker_alone_refuses_what_is_no_deck(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flashcards.worker", str(written(tmp_path, "")), "--workdir", str(tmp_path)]

    ended = subprocess.run(command, cwd=DEMO.parent, capture_output=True, text=True, timeout=60, check=False)

    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
