from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra import CNS, Axon, CNSPersistOptionsRegistry, Collateral, Neuron, afferent_path, collateral, modality, neuron
from cnstra.errors import GraphError, NameConflict, UnknownName
from tests.persist.payloads import Card


class DeckAxon(Axon):
    created = collateral(Card)
    archived = collateral(Card)


class Done(Axon):
    done = collateral(int)


class AlsoDone(Axon):
    done = collateral(int)


def test_a_neuron_is_registered_with_the_collaterals_of_its_axon() -> None:
    deck = neuron(DeckAxon)

    registry = CNSPersistOptionsRegistry().register("deckNeuron", deck)

    assert registry.get_neuron("deckNeuron") is deck
    assert registry.get_neuron_name(deck) == "deckNeuron"
    assert registry.get_collateral("created") is DeckAxon.created
    assert registry.get_collateral_name(DeckAxon.archived) == "archived"


def test_explicit_collateral_names_override_axon_keys() -> None:
    registry = CNSPersistOptionsRegistry().register("deck", neuron(DeckAxon), {"created": "deck-created"})

    assert registry.get_collateral_name(DeckAxon.created) == "deck-created"
    assert registry.get_collateral("created") is None
    assert registry.get_collateral_name(DeckAxon.archived) == "archived"


def test_an_unknown_axon_key_is_an_error() -> None:
    registry = CNSPersistOptionsRegistry()

    with pytest.raises(UnknownName, match=r"axon key 'creatd' .* neuron 'deck' has \['created', 'archived'\]"):
        registry.register("deck", neuron(DeckAxon), {"creatd": "x"})
    assert registry.get_neuron("deck") is None


def test_a_name_of_another_object_is_refused_and_nothing_is_registered() -> None:
    registry = CNSPersistOptionsRegistry().register_collateral("archived", collateral(int, name="taken"))
    deck = neuron(DeckAxon)

    with pytest.raises(NameConflict, match="'archived' conflicts with <Collateral taken>"):
        registry.register("deck", deck)

    _require_unknown(registry, deck)


@pytest.mark.parametrize(
    "conflict",
    [
        lambda registry, deck: registry.register("deck", neuron({})),
        lambda registry, deck: registry.register("old-deck", neuron({})),
        lambda registry, deck: registry.register("new", neuron({}), aliases=("deck",)),
        lambda registry, deck: registry.register("second", deck),
        lambda registry, deck: registry.register("deck", deck, {"created": "second"}),
        lambda registry, deck: registry.register_collateral("second", DeckAxon.created),
        lambda registry, deck: registry.register_collateral("created", collateral()),
        lambda registry, deck: registry.register("other", neuron({"made": DeckAxon.created})),
    ],
    ids=["name", "alias", "own alias", "second name", "second collateral name", "loose", "taken", "shared"],
)
def test_a_name_and_an_object_belong_together_for_good(conflict: Any) -> None:
    deck = neuron(DeckAxon)
    registry = CNSPersistOptionsRegistry().register("deck", deck, aliases=("old-deck",))

    with pytest.raises(NameConflict):
        conflict(registry, deck)
    assert registry.get_neuron("deck") is deck
    assert registry.get_collateral("created") is DeckAxon.created


def test_the_same_pair_again_is_fine() -> None:
    deck = neuron(DeckAxon)
    registry = CNSPersistOptionsRegistry()

    for _ in range(2):
        registry.register("deck", deck).register_collateral("created", DeckAxon.created)

    assert registry.get_neuron_name(deck) == "deck"


def test_two_neurons_may_share_a_collateral_under_one_key() -> None:
    shared = collateral(int)
    registry = CNSPersistOptionsRegistry()

    registry.register("a", neuron({"made": shared})).register("b", neuron({"made": shared}))

    assert registry.get_collateral("made") is shared


def test_two_axons_with_one_key_conflict_and_the_error_says_what_to_do() -> None:
    registry = CNSPersistOptionsRegistry().register("first", neuron(Done))
    second = neuron(AlsoDone)

    with pytest.raises(NameConflict, match=r"'done' conflicts .* collateral_names=.* where 'second' is registered"):
        registry.register("second", second)
    registry.register("second", second, {"done": "second.done"})

    for made in (Done.done, AlsoDone.done):
        name = registry.require_collateral_name(made)
        assert registry.require_collateral(name) is made


def test_an_axon_with_one_collateral_under_two_keys_has_a_conflict() -> None:
    shared = collateral(int)

    with pytest.raises(NameConflict):
        CNSPersistOptionsRegistry().register("a", neuron({"x": shared, "y": shared}))


def test_a_former_name_is_read_and_never_written() -> None:
    deck, entry, ui = neuron({}), collateral(), modality({})
    registry = (
        CNSPersistOptionsRegistry()
        .register("deck", deck, aliases=("old",))
        .register_collateral("entry", entry, aliases=["old"])
        .register_modality("ui", ui, aliases=("old",))
    )

    assert (registry.get_neuron("old"), registry.get_neuron_name(deck)) == (deck, "deck")
    assert (registry.get_collateral("old"), registry.get_collateral_name(entry)) == (entry, "entry")
    assert (registry.get_modality("old"), registry.get_modality_name(ui)) == (ui, "ui")


def test_aliases_given_as_one_text_are_refused() -> None:
    with pytest.raises(GraphError, match=r"aliases=\('old',\)"):
        CNSPersistOptionsRegistry().register("deck", neuron({}), aliases="old")


def test_a_removed_neuron_takes_its_own_collaterals_along() -> None:
    deck, shared, loose = neuron(DeckAxon), collateral(int), collateral(int)
    registry = (
        CNSPersistOptionsRegistry()
        .register("deck", deck)
        .register("a", neuron({"shared": shared, "loose": loose, "own": collateral()}))
        .register("b", neuron({"shared": shared}))
        .register_collateral("loose", loose, version=2)
    )

    registry.remove_neuron("a")

    assert registry.get_neuron("a") is None
    assert registry.get_collateral("own") is None
    assert registry.get_collateral("shared") is shared
    assert registry.get_collateral("loose") is loose
    assert registry.payload_version(loose) == 2
    assert registry.get_neuron("deck") is deck


def test_a_removed_neuron_is_forgotten_both_ways() -> None:
    deck = neuron(DeckAxon)
    registry = CNSPersistOptionsRegistry().register("deck", deck, aliases=("old",))

    registry.remove_neuron("deck")
    registry.remove_neuron("deck")

    _require_unknown(registry, deck)
    registry.register("other", deck, {"created": "archived", "archived": "created"}).register("deck", neuron({}))


def test_a_version_stays_when_the_pair_is_registered_again() -> None:
    entry = collateral(int)
    registry = CNSPersistOptionsRegistry().register_collateral(
        "entry", entry, version=2, upcast={1: lambda data: data + 1}
    )

    registry.register_collateral("entry", entry)
    registry.register("a", neuron({"entry": entry}))

    assert registry.payload_version(entry) == 2
    assert registry.decode_payload(entry, 1, b"1") == 2


def test_a_version_may_be_given_after_the_name() -> None:
    entry = collateral(int)
    registry = CNSPersistOptionsRegistry().register("a", neuron({"entry": entry}))

    registry.register_collateral("entry", entry, version=2)
    registry.register_collateral("entry", entry, upcast={1: lambda data: data + 1})

    assert registry.decode_payload(entry, 1, b"1") == 2


def test_two_versions_of_one_collateral_conflict() -> None:
    entry = collateral(int)
    registry = CNSPersistOptionsRegistry().register_collateral("entry", entry, version=2)

    with pytest.raises(NameConflict, match="version 2, which it was registered with"):
        registry.register_collateral("entry", entry, version=3)


@pytest.mark.parametrize("version", [0, -1, 1.5, "2"])
def test_a_malformed_version_registers_nothing(version: Any) -> None:
    registry = CNSPersistOptionsRegistry()

    with pytest.raises(GraphError):
        registry.register_collateral("entry", collateral(), version=version)
    assert registry.get_collateral("entry") is None


@pytest.mark.parametrize(
    "register",
    [
        lambda registry: registry.register("a", collateral()),
        lambda registry: registry.register("a", None),
        lambda registry: registry.register_collateral("a", neuron({})),
        lambda registry: registry.register_modality("a", {"click": afferent_path()}),
        lambda registry: registry.register("", neuron({})),
    ],
    ids=["collateral", "None", "neuron", "mapping", "empty name"],
)
def test_only_the_right_kind_of_object_is_registered(register: Any) -> None:
    with pytest.raises(GraphError):
        register(CNSPersistOptionsRegistry())


def test_path_keys_that_are_one_text_are_refused() -> None:
    with pytest.raises(GraphError, match="not different as text"):
        CNSPersistOptionsRegistry().register_modality("m", modality({0: afferent_path(), "0": afferent_path()}))


def test_runs_are_kept_by_their_id() -> None:
    entry = collateral(int)
    cns = CNS([neuron({}).dendrite(entry, lambda payload: None)])
    registry = CNSPersistOptionsRegistry()
    one, other = (cns.stimulate(entry.create_signal(1)) for _ in range(2))

    registry.add_stimulation(one, stimulation_id="run-1")
    registry.add_stimulation(one, stimulation_id="run-1")
    with pytest.raises(NameConflict, match="stimulation name 'run-1' conflicts"):
        registry.add_stimulation(other, stimulation_id="run-1")

    assert registry.get_stimulation("run-1") is one
    registry.stimulations().clear()
    assert registry.stimulations() == {"run-1": one}
    registry.remove_stimulation("run-1")
    registry.remove_stimulation("run-1")
    assert registry.get_stimulation("run-1") is None


@given(
    wishes=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from("abcd"), st.lists(st.sampled_from("wxyz"), max_size=2))
    )
)
def test_both_directions_agree_after_any_registrations_and_removals(wishes: list[tuple[int, str, list[str]]]) -> None:
    channels = [collateral(int) for _ in range(3)]
    neurons = [
        neuron({"w": channels[0]}),
        neuron({"w": channels[0], "x": channels[1]}),
        neuron({"x": channels[2]}),
        neuron({}),
    ]
    registry = CNSPersistOptionsRegistry()
    for index, name, names in wishes:
        try:
            registry.register(name, neurons[index], dict(zip(neurons[index].axon, names, strict=False)))
        except NameConflict:
            registry.remove_neuron(name)
        _require_agreement(registry, neurons, channels)


def _require_unknown(registry: CNSPersistOptionsRegistry, deck: Neuron[DeckAxon]) -> None:
    assert registry.get_neuron("deck") is registry.get_neuron("old") is None
    assert registry.get_neuron_name(deck) is None
    assert registry.get_collateral("created") is None
    assert registry.get_collateral_name(DeckAxon.created) is None


def _require_agreement(
    registry: CNSPersistOptionsRegistry, neurons: list[Neuron[Any]], channels: list[Collateral[int]]
) -> None:
    for one in neurons:
        name = registry.get_neuron_name(one)
        assert name is None or registry.get_neuron(name) is one
        # All or nothing: a registered neuron has names for everything that it emits.
        assert name is None or all(registry.get_collateral_name(channel) for channel in dict(one.axon).values())
    for channel in channels:
        name = registry.get_collateral_name(channel)
        assert name is None or registry.get_collateral(name) is channel


def test_a_registry_that_is_gone_leaves_nothing_behind() -> None:
    registry = CNSPersistOptionsRegistry().register("deck", neuron(DeckAxon))
    registry.encode_payload(DeckAxon.created, Card("a"))
    gone = weakref.ref(registry)

    del registry
    gc.collect()

    assert gone() is None
