from __future__ import annotations

import copy
import pickle
from typing import Any, Optional, Union

import pytest

from cnstra import Axon, Collateral, Signal, collateral


def test_a_signal_has_its_collateral_and_its_payload() -> None:
    greeted = collateral(dict[str, str])

    signal = greeted.create_signal({"message": "Hello"})

    assert signal.collateral is greeted
    assert signal.payload == {"message": "Hello"}


OPTIONAL = [None, type(None), Any, object, str | None, Optional[str], Union[int, None, str]]  # noqa: UP007, UP045 - old spellings


@pytest.mark.parametrize("payload_type", OPTIONAL)
def test_a_payload_may_be_left_out_where_the_type_allows_none(payload_type: Any) -> None:
    assert collateral(payload_type).create_signal().payload is None


@pytest.mark.parametrize("payload_type", [str, int | str, list[None], dict[str, None]])
def test_a_payload_must_be_given_where_the_type_does_not_allow_none(payload_type: Any) -> None:
    with pytest.raises(TypeError, match=r"started\.create_signal\(\) needs a payload"):
        collateral(payload_type, name="started").create_signal()


def test_none_may_be_given_as_a_payload() -> None:
    assert collateral().create_signal(None).payload is None


def test_signals_are_equal_by_collateral_and_payload() -> None:
    one, other = collateral(int), collateral(int)

    assert one.create_signal(1) == one.create_signal(1)
    assert hash(one.create_signal(1)) == hash(one.create_signal(1))
    assert one.create_signal(1) != one.create_signal(2)
    assert one.create_signal(1) != other.create_signal(1)
    assert one.create_signal(1) != 1


@pytest.mark.parametrize("attribute", ["collateral", "payload", "anything"])
def test_a_signal_cannot_be_changed(attribute: str) -> None:
    signal = collateral(int).create_signal(1)

    with pytest.raises(AttributeError):
        setattr(signal, attribute, 2)


def test_a_collateral_is_itself_after_a_copy() -> None:
    started = collateral(int)

    assert copy.copy(started) is started
    assert copy.deepcopy({"deep": started})["deep"] is started
    assert collateral(int) != collateral(int)


def test_a_collateral_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match=r"started cannot be pickled.*registered name"):
        pickle.dumps(collateral(int, name="started"))


def test_an_attribute_of_an_axon_names_a_collateral_that_has_no_name() -> None:
    class Outputs(Axon):
        created = collateral(int)
        deleted = collateral(int, name="card-deleted")

    assert Outputs.created.name == "created"
    assert Outputs.deleted.name == "card-deleted"


@pytest.mark.parametrize(
    ("made", "label"),
    [
        (collateral(int, name="started"), "started"),
        (collateral(int), "collateral(int)"),
        (collateral(), "collateral()"),
        (collateral(str | None), "collateral()"),
    ],
)
def test_the_label_tells_a_collateral_from_others(made: Collateral[Any], label: str) -> None:
    assert made.label == label
    assert repr(made) == f"<Collateral {label}>"


def test_a_signal_shows_what_it_carries() -> None:
    assert repr(collateral(int, name="started").create_signal(3)) == "Signal(started, 3)"


def test_a_signal_may_be_a_dictionary_key_if_its_payload_may() -> None:
    started = collateral(int)

    assert {started.create_signal(1): "first"}[Signal(started, 1)] == "first"
