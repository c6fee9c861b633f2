from __future__ import annotations

import enum
from typing import Any

import pytest

from cnstra import CNSPersistOptionsRegistry, afferent_path, collateral, modality, neuron
from cnstra.errors import GraphError, UnknownName
from cnstra.persist.names import GraphNames, text_of_key


class Way(enum.Enum):
    CLICK = 1


class Slug(enum.StrEnum):
    PRESS = "press"


def test_nothing_has_a_name_at_first() -> None:
    names = GraphNames()

    assert names.get_neuron("a") is None
    assert names.get_collateral("a") is None
    assert names.get_modality("a") is None
    assert names.get_neuron_name(neuron({})) is None
    assert names.get_collateral_name(collateral()) is None
    assert names.get_modality_name(modality({})) is None
    assert names.payload_version(collateral()) == 1


def test_what_is_required_is_returned() -> None:
    made, step, entry = modality({}), neuron({}), collateral()
    registry = (
        CNSPersistOptionsRegistry()
        .register("step", step)
        .register_collateral("entry", entry, version=4)
        .register_modality("made", made)
    )

    assert registry.require_neuron("step") is step
    assert registry.require_neuron_name(step) == "step"
    assert registry.require_collateral("entry") is entry
    assert registry.require_collateral_name(entry) == "entry"
    assert registry.require_modality("made") is made
    assert registry.require_modality_name(made) == "made"
    assert registry.payload_version(entry) == 4


@pytest.mark.parametrize(
    ("method", "missing", "message"),
    [
        ("require_neuron", "stepp", "neuron 'stepp' is not registered; did you mean 'step'?"),
        ("require_collateral", "other", "collateral 'other' is not registered; register it"),
        ("require_modality", "other", "modality 'other' is not registered"),
        ("require_neuron_name", neuron({}, name="lonely"), "neuron 'lonely' is not registered; say registry.register("),
        (
            "require_collateral_name",
            collateral(name="lost"),
            "collateral 'lost' is not registered; register the neuron",
        ),
        (
            "require_modality_name",
            modality({}, name="m"),
            "modality 'm' is not registered; say registry.register_modality(",
        ),
    ],
)
def test_what_is_missing_is_named_with_what_to_do(method: str, missing: Any, message: str) -> None:
    registry = CNSPersistOptionsRegistry().register("step", neuron({}))

    with pytest.raises(UnknownName) as failure:
        getattr(registry, method)(missing)
    assert message in str(failure.value)


def test_the_paths_of_a_modality_are_named_by_their_keys() -> None:
    paths = {key: afferent_path() for key in ("click", 0, Way.CLICK, Slug.PRESS)}
    made = modality(paths)
    registry = CNSPersistOptionsRegistry().register_modality("ui", made)

    names = [registry.path_name(made, path) for path in paths.values()]

    assert names == ["click", "0", "CLICK", "press"]
    assert [registry.path_of(made, name) for name in names] == list(paths.values())


def test_an_unknown_path_is_named() -> None:
    made = modality({"click": afferent_path()}, name="ui")
    names = GraphNames()

    with pytest.raises(UnknownName, match=r"afferent path 'tap' is not registered; <Modality ui> has \['click'\]"):
        names.path_of(made, "tap")
    with pytest.raises(GraphError, match="is not a path of"):
        names.path_name(made, afferent_path())


@pytest.mark.parametrize("key", [1.5, None, ("a",), object()])
def test_a_key_without_a_stable_text_is_refused(key: object) -> None:
    with pytest.raises(GraphError, match="no stable text"):
        text_of_key(key)
