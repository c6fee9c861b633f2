from __future__ import annotations

from typing import Any

import pytest

from cnstra import Axon, collateral, neuron
from cnstra.core.axons import build_axon
from cnstra.errors import GraphError


class Outputs(Axon):
    created = collateral(int)
    deleted = collateral(str)


def test_an_axon_class_offers_its_collaterals_as_attributes() -> None:
    axon = neuron(Outputs).axon

    assert axon.created is Outputs.created
    assert axon.deleted is Outputs.deleted


def test_an_axon_reads_like_a_mapping() -> None:
    axon = Outputs()

    assert dict(axon) == {"created": Outputs.created, "deleted": Outputs.deleted}
    assert list(axon) == list(axon.keys()) == ["created", "deleted"]
    assert list(dict(axon).values()) == [Outputs.created, Outputs.deleted]
    assert axon["created"] is Outputs.created
    assert len(axon) == 2
    assert "created" in axon
    assert "renamed" not in axon


def test_an_axon_made_of_a_mapping_offers_attributes_too() -> None:
    created = collateral(int)

    axon = neuron({"created": created}).axon

    assert axon.created is axon["created"] is created
    assert axon == {"created": created}
    assert created.name == "created"


def test_a_subclass_has_the_collaterals_of_its_parent_first() -> None:
    class More(Outputs):
        renamed = collateral(str)

    assert list(More()) == ["created", "deleted", "renamed"]
    assert list(Outputs()) == ["created", "deleted"]


def test_a_subclass_may_replace_a_collateral() -> None:
    class Other(Outputs):
        created = collateral(int)

    assert Other()["created"] is Other.created
    assert Other.created is not Outputs.created


def test_two_parents_give_a_class_the_collaterals_of_both() -> None:
    class Renames(Axon):
        renamed = collateral(str)

    class Both(Outputs, Renames):
        pass

    assert sorted(Both()) == ["created", "deleted", "renamed"]


def test_an_axon_may_hold_more_than_collaterals() -> None:
    class Rich(Axon):
        created = collateral(int)
        limit = 5

        def first(self) -> Any:
            return self.created.create_signal(1)

    assert list(Rich()) == ["created"]
    assert Rich().first().collateral is Rich.created


def test_an_axon_object_is_used_as_it_is() -> None:
    axon = Outputs()

    assert build_axon(axon) is axon


def test_an_axon_without_collaterals_is_an_axon() -> None:
    assert len(neuron({}).axon) == 0
    assert list(neuron(Axon).axon) == []


def test_axons_are_equal_by_their_collaterals() -> None:
    same = build_axon({"created": Outputs.created, "deleted": Outputs.deleted})

    assert Outputs() == same
    assert hash(Outputs()) == hash(same)
    assert Outputs() != build_axon({"created": collateral(int)})


def test_an_axon_shows_its_names() -> None:
    assert repr(Outputs()) == "Outputs(created, deleted)"


@pytest.mark.parametrize("axon", [None, 5, "created", int, ["created"], {"created": int}, {1: collateral(int)}])
def test_what_is_no_axon_is_refused(axon: Any) -> None:
    with pytest.raises(GraphError):
        neuron(axon)


def test_the_refusal_names_the_place() -> None:
    with pytest.raises(GraphError, match=r"axon\['created'\] must be a collateral, not <class 'int'>"):
        neuron({"created": int})  # type: ignore[dict-item]


def test_a_subclass_may_take_a_name_away() -> None:
    class Fewer(Outputs):
        deleted = None  # type: ignore[assignment]

    assert list(Fewer()) == ["created"]
