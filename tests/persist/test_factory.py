from __future__ import annotations

import pytest

from cnstra import Axon, CNSPersistOptionsRegistry, NeuronEntry, collateral, create_persist_registry, neuron
from cnstra.errors import NameConflict


class CardAxon(Axon):
    created = collateral(int)


def test_a_mapping_is_registered_one_by_one() -> None:
    deck, card = neuron({"deck_created": collateral(int)}), neuron(CardAxon)

    entry = NeuronEntry(card, collaterals={"created": "card-created"}, aliases=("card",))
    registry = create_persist_registry({"deckNeuron": deck, "card-neuron": entry})

    assert isinstance(registry, CNSPersistOptionsRegistry)
    assert registry.get_neuron("deckNeuron") is deck
    assert registry.get_neuron("card-neuron") is registry.get_neuron("card") is card
    assert registry.get_collateral("card-created") is CardAxon.created


def test_a_conflict_within_the_mapping_is_an_error() -> None:
    with pytest.raises(NameConflict):
        create_persist_registry({"a": neuron({"done": collateral()}), "b": neuron({"done": collateral()})})
