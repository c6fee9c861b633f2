from __future__ import annotations

import math
import traceback
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, Literal

import attrs
import pytest
from pydantic import SecretStr

from cnstra.errors import PayloadError
from cnstra.persist.codec import ValueCodec, make_strictness
from cnstra.persist.reading import MAX_DEPTH
from tests.persist.payloads import (
    Account,
    Address,
    Box,
    Card,
    Circle,
    Colour,
    Computed,
    Deck,
    HiddenLogin,
    Incomplete,
    Level,
    Login,
    Mode,
    Movie,
    Order,
    PlainThing,
    Point,
    SlottedThing,
    Square,
    Tree,
    Unresolvable,
)


def codec_of(declared: Any = None, max_bytes: int = 1_000_000) -> ValueCodec:
    return ValueCodec(declared, lambda: "collateral c", make_strictness(), max_bytes)


def refusal(action: Callable[[Any], object], value: object) -> str:
    with pytest.raises(PayloadError) as caught:
        action(value)
    return str(caught.value)


@dataclass
class Base:
    a: int


@dataclass
class Derived(Base):
    b: int = 0


@dataclass
class Strict:
    a: int

    def __post_init__(self) -> None:
        if self.a > 100:
            raise KeyError(self.a)


@dataclass
class NeedsInit:
    a: InitVar[int]


@attrs.define
class SelfMade:
    a: int
    b: int = attrs.field(default=attrs.Factory(lambda self: self.a, takes_self=True))


class Wide(Enum):
    PAIR = (1, 2)


def test_a_payload_becomes_json() -> None:
    assert (
        codec_of(Deck).encode(Deck("d", [Card("a", 1)]))
        == b'{"name":"d","cards":[{"front":"a","number":1,"image":null}]}'
    )


@pytest.mark.parametrize(
    ("declared", "value", "message"),
    [
        (
            Deck,
            Deck("d", [Card("a"), Card("b", image=1j)]),
            "collateral c: complex has no JSON form (at $.cards[1].image)",
        ),
        (None, {"a": [Incomplete(1)]}, "(Incomplete) would come back as {'code': 1} (dict)"),
        (None, ["\ud800"], "'\\ud800' contains half of a surrogate pair, which has no UTF-8 form (at $[0])"),
        (None, [math.nan], "nan has no JSON form that every store keeps (at $[0])"),
        (float, math.nan, "nan has no JSON form"),
        (float | None, math.inf, "inf has no JSON form"),
        (float, 2**53 + 1, "9007199254740993 (int) would come back as 9007199254740992.0 (float)"),
        (int, True, "it would not be read back: Expected `int`, got `bool` (at $)"),
        (int, None, "Expected `int`, got `null`"),
        (Card, Card("a", "1"), "it would not be read back: Expected `int`, got `str` (at $.number)"),  # type: ignore[arg-type]
        (None, (1, 2), "(1, 2) (tuple) would come back as [1, 2] (list); declare a payload type that keeps it"),
        (Sequence[int], (1, 2), "(1, 2) (tuple) would come back as [1, 2] (list) (at $)"),
        (str, Mode.FAST, "(Mode) would come back as 'fast' (str)"),
        (None, {1: "a"}, "{1: 'a'} (dict) would come back as {'1': 'a'} (dict)"),
        (None, {1: "a", "1": "b"}, "would come back as {'1': 'b'}"),
        (Base, Derived(1), "(Derived) would come back as Base(a=1) (Base)"),
        (Derived, Base(1), "would come back as"),
        (dict[str, int], OrderedDict(a=1), "(OrderedDict) would come back as"),
        (dict[str, int], defaultdict(int, a=1), "(defaultdict) would come back as"),
        (Movie, {"title": "x", "seen": True}, "would come back as {'title': 'x'}"),
        (PurePath, Path("a"), "(PosixPath) would come back as"),
        (Literal["a"], "b", "Invalid enum value 'b'"),
        (Order, {"id": 1}, "it would not be read back: placed: Field required"),
        (None, {(1, 2): 3}, "has no JSON form"),
        (None, [10**5000], "4300 digits"),
    ],
)
def test_a_value_that_would_change_is_refused_with_its_place(declared: Any, value: object, message: str) -> None:
    assert message in refusal(codec_of(declared).encode, value)


def test_what_a_class_computes_otherwise_is_refused() -> None:
    changed = Computed(2)
    changed.doubled = 5

    assert "5 (int) would come back as 4 (int) (at $.doubled)" in refusal(codec_of(Computed).encode, changed)


def test_an_attribute_that_no_field_declares_is_refused() -> None:
    extended = Deck("d")
    vars(extended)["extra"] = 1

    assert "holds more than its declared fields" in refusal(codec_of(Deck).encode, extended)


def test_a_field_without_a_value_is_refused() -> None:
    @dataclass
    class Lazy:
        later: int = field(init=False)

    assert "later" in refusal(codec_of(Lazy).encode, Lazy())


def test_a_class_that_refuses_its_own_value_refuses_the_payload() -> None:
    value = Strict(1)
    value.a = 101

    assert "it would not be read back: KeyError: 101" in refusal(codec_of(Strict).encode, value)
    assert "KeyError: 101" in refusal(codec_of(Strict).decode, b'{"a":101}')


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)

    assert "nested too deeply, or contains itself" in refusal(codec_of().encode, loop)


def test_what_is_written_can_be_read_at_any_stack_depth() -> None:
    deepest: list[Any] = []
    for _ in range(MAX_DEPTH - 1):
        deepest = [deepest]

    assert codec_of().decode(codec_of().encode(deepest)) == deepest
    assert f"nested deeper than {MAX_DEPTH} levels" in refusal(codec_of().encode, [deepest])


def test_a_long_value_is_refused_both_ways_and_the_error_says_what_to_do() -> None:
    codec = codec_of(str, max_bytes=1_000)

    for failure in (refusal(codec.encode, "x" * 999), refusal(codec.decode, b'"' + b"x" * 999 + b'"')):
        assert "1,001 bytes of JSON are more than max_payload_bytes=1,000: store the bulk elsewhere" in failure
    assert codec.encode("x" * 998)


def test_a_short_limit_holds_too() -> None:
    assert "more than max_payload_bytes=4" in refusal(codec_of(str, max_bytes=4).encode, "xxx")


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        (complex, "complex has no JSON form: declare a dataclass"),
        (Exception, "Exception has no JSON form"),
        (PlainThing, "PlainThing has no JSON form"),
        (list[SlottedThing], "SlottedThing has no JSON form"),
        (Box[complex], "complex has no JSON form"),
        (Callable[[], int], "has no JSON form"),
        (type, "type has no JSON form"),
        (OrderedDict[str, int], "OrderedDict"),
        (Base | Deck, "more than one dataclass"),
        (Unresolvable, "cannot be resolved (name 'Nowhere' is not defined): define it at the top of its module"),
        (NeedsInit, "`InitVar` fields are not supported"),
        (SelfMade, "takes_self=True"),
        (Wide, "Enums must contain either all str or all int values"),
        ("Card", "cannot be stored"),
    ],
)
def test_a_type_that_cannot_be_stored_is_refused_when_its_codec_is_made(declared: Any, problem: str) -> None:
    assert problem in refusal(codec_of, declared)


@pytest.mark.parametrize("declared", [None, Any, object])
def test_without_a_type_plain_json_values_pass(declared: Any) -> None:
    value: dict[str, Any] = {"a": [1, 2.5, None, True, "x", {"b": []}]}

    assert codec_of(declared).decode(codec_of(declared).encode(value)) == value


def test_an_object_part_takes_plain_json_values() -> None:
    codec = codec_of(list[object])

    assert codec.decode(codec.encode([1, {"a": [None]}])) == [1, {"a": [None]}]
    assert "would come back as" in refusal(codec.encode, [Decimal(1)])


@pytest.mark.parametrize(
    ("declared", "text", "message"),
    [
        (Card, b'{"front":"a","back":"b"}', "this would be dropped unread: the declared type has no place for it"),
        (Deck, b'{"name":"d","cards":[{"front":"a"},{"front":"b","x":1}]}', "(at $.cards[...].x)"),
        (Movie, b'{"title":"x","rating":5}', "(at $.rating)"),
        (Address, b'{"street":"s","city":"c"}', "(at $.city)"),
        (Circle | Square, b'{"type":"Circle","radius":1,"side":2}', "(at $.side)"),
        (Order, b'{"id":1,"placed":"2024-01-01T00:00:00","cost":"1","more":1}', "(at $.more)"),
        (set[int], b"[1,1]", "(at $[...])"),
        (Card, b'{"front":"a","front":"b"}', "the key 'front' appears twice"),
        (None, b'{"a":1,"a":2}', "the key 'a' appears twice"),
        (Card, b'{"number":1}', "Object missing required field `front`"),
        (Card, b'{"front":"a","number":"1"}', "Expected `int`, got `str` (at $.number)"),
        (Card, b"[]", "Expected `object`, got `array`"),
        (Square | Circle, b'{"type":"Cube"}', "Invalid value 'Cube'"),
        (Point, b"[1,2,3]", "length"),
        (Path, b"5", "has no JSON form"),
    ],
)
def test_stored_text_that_does_not_fit_the_type_is_refused(declared: Any, text: bytes, message: str) -> None:
    assert message in refusal(codec_of(declared).decode, text)


def test_what_a_newer_class_adds_gets_its_default() -> None:
    assert codec_of(Card).decode(b'{"front":"a"}') == Card("a")


def test_text_that_another_program_wrote_is_read() -> None:
    text = b'{ "cards" : [{"number":1, "front": "\\u0061"}],\n "name":"d" }'

    assert codec_of(Deck).decode(text) == Deck("d", [Card("a", 1)])


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        (Account, Account(Decimal("1.50"), datetime(2024, 1, 1, tzinfo=UTC), Path("a/b"))),
        (Tree, Tree(1, [Tree(2), Tree(3, [Tree(4)])])),
        (Box[Card], Box(Card("a"))),
        (Box[int], Box[int](1)),
        (Circle | Square, Circle(1)),
        (Circle | Square, Circle(1, "big")),
        (list[Order], [Order(id=1, placed=datetime(2024, 1, 1, tzinfo=UTC), cost=Decimal("2.50"))]),
        (Box[Order | None], Box(None)),
        (dict[Colour, list[Level]], {Colour.RED: [Level.LOW]}),
        (set[Square], {Square(1), Square(2)}),
        (frozenset[tuple[int, str]], frozenset({(1, "a"), (2, "b")})),
        (Point, Point(1, 2)),
        (bytearray, bytearray(b"x")),
        (type(None), None),
    ],
)
def test_a_declared_type_round_trips(declared: Any, value: object) -> None:
    codec = codec_of(declared)

    back = codec.decode(codec.encode(value))

    assert back == value
    assert type(back) is type(value)


def test_a_class_that_is_local_is_fine() -> None:
    @dataclass
    class Local:
        a: int

    codec = codec_of(Local)

    assert codec.decode(codec.encode(Local(1))) == Local(1)


def test_a_secret_that_its_model_writes_comes_back() -> None:
    codec = codec_of(Login)
    login = Login(user="ann", code=SecretStr("sesame"))

    read = codec.decode(codec.encode(login))

    assert read == login
    assert read.code.get_secret_value() == "sesame"


def test_a_secret_that_is_written_as_asterisks_is_refused() -> None:
    problem = refusal(codec_of(HiddenLogin).encode, HiddenLogin(code=SecretStr("sesame")))

    assert problem.startswith("collateral c: SecretStr is written as asterisks: give its model a @field_serializer")
    assert problem.endswith("(at $.code)")


@pytest.mark.parametrize("declared", [Login, list[Login]])
def test_what_a_model_refuses_is_not_quoted(declared: Any) -> None:
    login = '{"user":7,"code":["sesame"]}'
    codec = codec_of(declared)

    with pytest.raises(PayloadError) as caught:
        codec.decode((login if declared is Login else f"[{login}]").encode())

    assert "user: Input should be a valid string (and 1 more)" in str(caught.value)
    assert "sesame" not in "".join(traceback.format_exception(caught.value))
