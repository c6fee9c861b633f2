"""The proof: what must be true of the two databases after an import, however often its worker was killed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .evidence import CardsInDatabase, RunInStore
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


def prove(deck: Deck, cards: CardsInDatabase, run: RunInStore) -> list[Check]:
    """Compare the file with both databases."""
    return [*_prove_cards(deck, cards), *_prove_hops(len(deck.cards), run), *_prove_executions(cards, run)]


def _prove_cards(deck: Deck, cards: CardsInDatabase) -> Iterator[Check]:
    wanted = {(card.line, card.front, card.back) for card in deck.cards}
    found = {(card.line, card.front, card.back) for card in cards.cards}
    yield Check("every valid row is a card", _listed("missing", (front for _, front, _ in wanted - found)))
    yield Check("every card is a valid row", _listed("not in the file", (front for _, front, _ in found - wanted)))
    yield Check("no card is there twice", _listed("twice", _repeated(card.front for card in cards.cards)))
    counts = f"{len(cards.bad_rows)} reported, {len(deck.bad_rows)} in the file"
    yield Check("every bad row is in the report", "" if tuple(cards.bad_rows) == deck.bad_rows else counts)
    yield Check("the deck is closed", "" if cards.summary else "it has no summary")


def _prove_hops(total: int, run: RunInStore) -> Iterator[Check]:
    over = (run.status, run.outstanding) == ("completed", 0)
    yield Check(
        "the run is complete", "" if over else f"it is {run.status}, and {run.outstanding} hops are outstanding"
    )
    hops = Counter(hop.neuron for hop in run.hops)
    expected = {"deck": 1, "reader": 1, "writer": total, "indexer": total, "closer": total + 1, "summary": 1}
    names = hops.keys() | expected.keys()
    wrong = (f"{hops[name]} of {name}" for name in names if hops[name] != expected.get(name, 0))
    yield Check("the run has the hops that the file asks for", _listed("it has", wrong))
    undone = (hop.activation_id for hop in run.hops if hop.status != "done")
    repeated = _repeated(hop.activation_id for hop in run.hops)
    yield Check("every hop is committed once", _listed("not done", undone) or _listed("twice", repeated))


def _prove_executions(cards: CardsInDatabase, run: RunInStore) -> Iterator[Check]:
    started = {(execution.activation_id, execution.neuron) for execution in cards.executions}
    committed = {(hop.activation_id, hop.neuron) for hop in run.hops}
    ids = (activation_id for activation_id, _ in started ^ committed)
    yield Check("a hop that ran again kept its activation id", _listed("differ", ids))
    settled_at = {hop.activation_id: hop.settled_at for hop in run.hops}
    again = {one.activation_id for one in cards.executions if one.at > settled_at.get(one.activation_id, one.at)}
    yield Check("no hop ran again after its commit", _listed("ran again", again))
    writers = {hop.activation_id for hop in run.hops if hop.neuron == "writer"}
    strange = (card.front for card in cards.cards if card.activation_id not in writers)
    yield Check("every card was written by a committed hop", _listed("written by none", strange))


def figures_of(cards: CardsInDatabase, run: RunInStore) -> Figures:
    """Count what the kills cost."""
    last_pid = {execution.activation_id: execution.pid for execution in cards.executions}
    rewritten = sum(card.pid != last_pid.get(card.activation_id, card.pid) for card in cards.cards)
    return Figures(len(run.hops), len(cards.executions), rewritten)


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _listed(what: str, names: Iterable[str], most: int = 5) -> str:
    names = sorted(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{what}: {', '.join(names[:most])}{rest}" if names else ""
