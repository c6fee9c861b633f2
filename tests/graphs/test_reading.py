import pytest

from cnstra import CNS, CNSPersistOptionsRegistry, collateral, neuron
from cnstra.graphs import Emission, group_of, read_graph
from tests.graphs import network


def test_a_neuron_has_its_stored_name_its_limits_and_its_contract() -> None:
    deck = read_graph(network.cns, network.registry).neurons[0]

    assert (deck.id, deck.name, deck.registered, deck.doc) == ("n0", "deckNeuron", True, "Owns the decks.")
    assert (deck.context_type, deck.concurrency, deck.max_duration) == ("list[str]", 2, 1.5)
    assert deck.emits == (Emission("created", "c0"), Emission("archived", "c1"))


def test_what_has_no_stored_name_has_its_label() -> None:
    model = read_graph(network.cns, network.registry)

    assert (model.neurons[1].name, model.neurons[1].registered) == ("cards", False)
    assert [one.name for one in read_graph(network.cns).neurons] == ["deck", "cards"]


def test_a_dendrite_tells_where_its_handler_is() -> None:
    dendrite = read_graph(network.cns).neurons[0].dendrites[0]

    assert dendrite.handler == "tests.graphs.network.open_deck"
    assert (dendrite.doc, dendrite.mode) == ("Open a *new* deck.", "async")
    assert dendrite.file is not None
    assert dendrite.file.endswith("network.py")
    assert dendrite.line is not None


def test_dendrites_on_one_collateral_are_counted_and_modalities_named() -> None:
    dendrites = read_graph(network.cns).neurons[1].dendrites

    assert [(one.index, one.handler.rpartition(".")[2]) for one in dendrites] == [
        (0, "add_cards"),
        (0, "<lambda>"),
        (1, "modality_dendrite"),
    ]
    assert dendrites[2].modalities == ("by-click",)


def test_collaterals_tell_who_emits_them_and_whom_they_activate() -> None:
    model = read_graph(network.cns, network.registry)
    seen = {one.name: (one.payload_type, one.version, one.emitters, one.subscribers) for one in model.collaterals}

    assert seen == {
        "deck-created": ("dict[str, int]", 1, ("n0",), ("n1",)),
        "archived": ("str", 1, ("n0",), ()),
        "started": ("str", 3, ("n1",), ("n0",)),
        "anything": (None, 1, (), ("n1",)),
    }
    assert [one.name for one in model.collaterals if one.is_entry] == ["anything"]


def test_cycles_are_found_also_those_of_one_neuron() -> None:
    assert read_graph(network.cns).cycles == (("n0", "n1"),)
    assert read_graph(network.named("a", "b", "c", "d")).cycles == (("n0",),)


def test_ids_lead_back_to_their_parts() -> None:
    model = read_graph(network.cns)

    assert all(model.neuron(one.id) is one for one in model.neurons)
    assert all(model.collateral(one.id) is one for one in model.collaterals)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("billing.charge", "billing"),
        ("billing/charge", "billing"),
        ("shop.billing/cards.charge", "shop.billing/cards"),
        ("billing..charge", "billing"),
        ("charge", None),
        ("", None),
        (".charge", None),
        ("billing.", None),
        ("...", None),
    ],
)
def test_the_group_of_a_neuron_is_what_is_before_the_last_part_of_its_name(name: str, group: str | None) -> None:
    assert group_of(name) == group


def test_neurons_are_grouped_by_their_stored_names_else_by_their_own() -> None:
    started = collateral(str, name="started.now")
    charge, mail, nameless = neuron({}, name="charge"), neuron({}, name="post.mail"), neuron({"a": started})
    registry = CNSPersistOptionsRegistry().register("billing.charge", charge)

    model = read_graph(CNS([charge, mail, nameless]), registry)

    assert [one.group for one in model.neurons] == ["billing", "post", None]
    assert {group: [one.id for one in neurons] for group, neurons in model.groups.items()} == {
        "billing": ["n0"],
        "post": ["n1"],
        None: ["n2"],
    }
