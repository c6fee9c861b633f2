"""What the demonstration says at the end: the deck, what the kills cost, and whether the proof holds."""

from __future__ import annotations

from collections import Counter

from rich.console import Console

from .evidence import CardsInDatabase, RunInStore
from .proof import figures_of, prove
from .rows import Deck

__all__ = ["say", "say_cost", "say_deck", "say_proof"]

BAD_ROWS_SHOWN = 20


def say(console: Console, line: str = "") -> None:
    """Print *line* as it is: a text from a file is no markup, and is not folded."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def say_deck(name: str, cards: CardsInDatabase, console: Console) -> None:
    """Print the summary of the deck, and the report of its bad rows."""
    say(console)
    say(console, f"deck {name}: {cards.summary or 'not closed'}")
    for bad in cards.bad_rows[:BAD_ROWS_SHOWN]:
        say(console, f"  bad row, line {bad.line}: {bad.problem}")
    if len(cards.bad_rows) > BAD_ROWS_SHOWN:
        say(console, f"  and {len(cards.bad_rows) - BAD_ROWS_SHOWN} more")


def say_cost(struck: int, planned: int, cards: CardsInDatabase, run: RunInStore, console: Console) -> None:
    """Print how many kills there were, and how much work was done twice because of them."""
    figures = figures_of(cards, run)
    attempts = Counter(run.attempts)
    ended = ", ".join(f"{count} {status}" for status, count in attempts.items())
    say(
        console,
        f"kills: {struck} of {planned}" + ("" if struck == planned else " (the worker was done before the others)"),
    )
    say(console, f"attempts: {len(run.attempts)} ({ended})")
    say(
        console,
        f"hops: {figures.hops} committed; {figures.re_runs} were started again after a kill, "
        f"and {figures.rewritten} of those found their card in the database already",
    )


def say_proof(deck: Deck, cards: CardsInDatabase, run: RunInStore, console: Console) -> bool:
    """Print each promise and whether it was kept; return whether all were."""
    checks = list(prove(deck, cards, run))
    for check in checks:
        say(console, f"  FAILED  {check.promise}: {check.breach}" if check.breach else f"  ok      {check.promise}")
    broken = sum(bool(check.breach) for check in checks)
    say(
        console,
        f"NOT PROVED: {broken} of {len(checks)} promises are broken" if broken else "proved from both databases",
    )
    return not broken
