"""A graph with one of everything that a model tells of."""

from typing import Any

from cnstra import CNS, Axon, CNSPersistOptionsRegistry, HandlerContext, afferent_path, collateral, modality, with_ctx
from cnstra import neuron as make_neuron


class DeckAxon(Axon):
    """Owns the decks."""

    created = collateral(dict[str, int])
    archived = collateral(str)


started = collateral(str, name="started")
anything = collateral(name="anything")
deck = with_ctx(list[str]).neuron(DeckAxon, name="deck").set_concurrency(2).set_max_duration(1.5)
cards = make_neuron({"again": started}, name="cards")
by_click = modality({"click": afferent_path()}, name="by-click")


@deck.dendrite(started)
async def open_deck(title: str) -> None:
    """Open a *new* deck.

    And more.
    """


@cards.dendrite(DeckAxon.created)
def add_cards(counts: dict[str, int], axon: Any, ctx: HandlerContext[Any, Any]) -> None: ...


cards.dendrite(anything, lambda payload: None)
cards.modality_dendrite(anything, modality=by_click, output=lambda result: None)

cns = CNS([deck, cards])
registry = (
    CNSPersistOptionsRegistry()
    .register("deckNeuron", deck, {"created": "deck-created"})
    .register_collateral("started", started, version=3, upcast={1: dict, 2: dict})
)


def named(neuron: str, entry: str, middle: str, exit_: str) -> CNS[Any]:
    """Return a graph of one ring and one exit whose parts have these names."""
    entered, passed, left = (collateral(name=name) for name in (entry, middle, exit_))
    one = make_neuron({"passed": passed, "left": left}, name=neuron)
    one.dendrite(entered, lambda payload: None)
    one.dendrite(passed, lambda payload: None)
    return CNS([one])
