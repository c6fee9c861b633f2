"""The proof: what must be true of the two databases after an import, however often its worker was killed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .evidence import CardsInDatabase, Execution, RunInStore
from .rows import Deck

__all__ = ["Check", "Figures", "figures_of", "prove"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be true.

    Attributes:
        promise: The sentence.
        breach: What contradicts it, or the empty string.
    """

    promise: str
    breach: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the kills cost.

    Attributes:
        hops: Activations that are committed.
        executions: How often a handler was started.
        rewritten: Cards that a re-run found in the database already.
    """

    hops: int
    executions: int
    rewritten: int

    @property
    def re_runs(self) -> int:
        """Handlers that were started again, since a kill came before the commit of their hop."""
        return self.executions - self.hops


def prove(deck: Deck, cards: CardsInDatabase, run: RunInStore) -> Iterator[Check]:
    """Compare the file with both databases."""
    wanted = Counter((card.line, card.front, card.back) for card in deck.cards)
    found = Counter((card.line, card.front, card.back) for card in cards.cards)
    yield Check("every valid row is a card", _listed("missing", (front for _, front, _ in wanted - found)))
    yield Check(
        "every card is a valid row", _listed("not in the file", {front for _, front, _ in found.keys() - wanted})
    )
    twice = (front for front, count in Counter(card.front for card in cards.cards).items() if count > 1)
    yield Check("no card is there twice", _listed("twice", twice))
    yield Check(
        "every bad row is reported, once",
        ""
        if tuple(cards.bad_rows) == deck.bad_rows
        else f"{len(cards.bad_rows)} reported, {len(deck.bad_rows)} in the file",
    )
    yield Check("the deck is closed", "" if cards.summary else "it has no summary")
    yield from _prove_run(len(deck.cards), cards, run)


def _prove_run(total: int, cards: CardsInDatabase, run: RunInStore) -> Iterator[Check]:
    yield Check(
        "the run is complete", "" if (run.status, run.outstanding) == ("completed", 0) else f"it is {run.status}"
    )
    ordinals = Counter(hop.ordinal for hop in run.hops)
    failed = (f"{hop.neuron} {hop.ordinal}" for hop in run.hops if hop.status != "done")
    repeated = (str(ordinal) for ordinal, count in ordinals.items() if count > 1)
    yield Check("every hop is committed once", _listed("not done", failed) or _listed("twice", repeated))
    hops = Counter(hop.neuron for hop in run.hops)
    expected = {"deck": 1, "reader": 1, "writer": total, "indexer": total, "closer": total + 1, "summary": 1}
    yield Check("no hop is missing", _listed("differ", (name for name in expected if hops[name] != expected[name])))
    started = Counter(execution.neuron for execution in _first(cards.executions))
    yield Check(
        "no activation changed its id", _listed("differ", (name for name in hops if started[name] != hops[name]))
    )


def figures_of(cards: CardsInDatabase, run: RunInStore) -> Figures:
    """Count what the kills cost."""
    last_pid = {execution.activation_id: execution.pid for execution in cards.executions}
    rewritten = sum(card.pid != last_pid.get(card.activation_id, card.pid) for card in cards.cards)
    return Figures(len(run.hops), len(cards.executions), rewritten)


def _first(executions: Iterable[Execution]) -> Iterable[Execution]:
    return {execution.activation_id: execution for execution in executions}.values()


def _listed(what: str, names: Iterable[str], most: int = 5) -> str:
    names = sorted(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{what}: {', '.join(names[:most])}{rest}" if names else ""
