from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cnstra import CNSPersistOptionsRegistry, collateral, neuron, with_ctx
from cnstra.errors import GraphError, PayloadError
from tests.persist.payloads import Card, Deck, Movie


def test_a_payload_is_written_with_its_version() -> None:
    made = collateral(Card)
    registry = CNSPersistOptionsRegistry().register_collateral("made", made)

    version, data = registry.encode_payload(made, Card("a", 1))

    assert (version, data) == (1, b'{"front":"a","number":1,"image":null}')
    assert registry.decode_payload(made, version, data) == Card("a", 1)


def test_an_old_payload_is_brought_up_step_by_step() -> None:
    made = collateral(Card)
    registry = CNSPersistOptionsRegistry().register_collateral(
        "made",
        made,
        version=3,
        upcast={1: lambda data: {"front": data["title"]}, 2: lambda data: {**data, "number": 7}},
    )

    assert registry.decode_payload(made, 1, b'{"title":"a"}') == Card("a", 7)
    assert registry.decode_payload(made, 2, b'{"front":"a"}') == Card("a", 7)
    assert registry.decode_payload(made, 3, b'{"front":"a"}') == Card("a")
    assert registry.encode_payload(made, Card("a"))[0] == 3


@pytest.mark.parametrize(
    ("version", "data", "problem"),
    [
        (3, b"{}", "written by newer code"),
        (1, b'{"title":"a","title":"b"}', "the key 'title' appears twice"),
        (1, b'{"title":', "truncated"),
        (1, b'{"name":"a"}', "the upcast from version 1 failed with KeyError: 'title'"),
        (1, b'{"title":5}', "Expected `str`, got `int`"),
        (0, b"{}", "its version is 0"),
    ],
)
def test_an_old_payload_that_cannot_be_brought_up_is_refused(version: int, data: bytes, problem: str) -> None:
    made = collateral(Card)
    upcast = {1: lambda data: {"front": data["title"]}}
    registry = CNSPersistOptionsRegistry().register_collateral("made", made, version=2, upcast=upcast)

    with pytest.raises(PayloadError, match=problem) as failure:
        registry.decode_payload(made, version, data)
    assert failure.value.where == "collateral made"


def test_an_upcast_must_return_json_data() -> None:
    made = collateral(Card)
    registry = CNSPersistOptionsRegistry().register_collateral("made", made, version=2, upcast={1: lambda _: Card("a")})

    with pytest.raises(PayloadError, match="would come back as"):
        registry.decode_payload(made, 1, b"{}")


def test_dumped_data_is_plain_and_independent() -> None:
    made = collateral(Deck)
    registry = CNSPersistOptionsRegistry()
    deck = Deck("d", [Card("a")])

    version, data = registry.dump_payload(made, deck)
    deck.cards.clear()

    assert (version, data) == (1, {"name": "d", "cards": [{"front": "a", "number": 0, "image": None}]})
    assert registry.load_payload(made, version, data) == Deck("d", [Card("a")])


@pytest.mark.parametrize("data", [{1: "a"}, (1,), {"a": {1, 2}}, float("nan"), object()])
def test_data_that_is_not_json_is_not_loaded(data: Any) -> None:
    with pytest.raises(PayloadError):
        CNSPersistOptionsRegistry().load_payload(collateral(), 1, data)


def test_a_context_value_has_the_type_of_its_neuron() -> None:
    counter = with_ctx(Movie).neuron({})
    registry = CNSPersistOptionsRegistry().register("counter", counter)

    data = registry.encode_context(counter, {"title": "x"})

    assert registry.decode_context(counter, data) == {"title": "x"}
    assert registry.load_context(counter, registry.dump_context(counter, {"title": "x"})) == {"title": "x"}
    with pytest.raises(PayloadError, match=r"context of neuron counter: .* \(at \$\.title\)"):
        registry.encode_context(counter, {"title": 5})


def test_a_context_value_without_a_type_is_plain_json() -> None:
    counter = neuron({}, name="counter")
    registry = CNSPersistOptionsRegistry()

    assert registry.decode_context(counter, registry.encode_context(counter, {"attempt": 1})) == {"attempt": 1}
    with pytest.raises(PayloadError, match=r"context of neuron counter: datetime.* declare a payload type"):
        registry.encode_context(counter, datetime(2024, 1, 1, tzinfo=UTC))


def test_a_collateral_without_a_name_is_named_by_its_label() -> None:
    with pytest.raises(PayloadError, match="collateral made: "):
        CNSPersistOptionsRegistry().encode_payload(collateral(int, name="made"), "x")


def test_the_limit_is_that_of_the_registry() -> None:
    made = collateral(str)

    with pytest.raises(PayloadError, match="max_payload_bytes=10"):
        CNSPersistOptionsRegistry(max_payload_bytes=10).encode_payload(made, "x" * 20)


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "10"])
def test_a_malformed_limit_is_refused(limit: Any) -> None:
    with pytest.raises(GraphError, match="max_payload_bytes"):
        CNSPersistOptionsRegistry(max_payload_bytes=limit)


def test_a_collateral_registered_after_its_first_payload_has_its_version() -> None:
    made = collateral(int)
    registry = CNSPersistOptionsRegistry()
    assert registry.encode_payload(made, 1) == (1, b"1")

    registry.register_collateral("made", made, version=2)

    assert registry.encode_payload(made, 1) == (2, b"1")
