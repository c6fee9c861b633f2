"""A collateral knows the type of its payloads, and so do its signals."""

from typing import Any, Protocol, assert_type

from cnstra import Axon, Collateral, Signal, collateral
from tests.typing.messages import Created, DeckAxon, Started


class Named(Protocol):
    def name(self) -> str: ...


# The payload type comes from the argument.
assert_type(collateral(Started), Collateral[Started])
assert_type(collateral(Started, name="started"), Collateral[Started])
assert_type(collateral(list[int]), Collateral[list[int]])
assert_type(collateral(type(None)), Collateral[None])
assert_type(collateral(Named), Collateral[Named])
assert_type(collateral(), Collateral[Any])
assert_type(collateral(int | None), Collateral[Any])  # no checker reads a union as a value; an annotation tells it
maybe: Collateral[int | None] = collateral(int | None)

# A signal has the type of its collateral; without a payload only where that allows None.
assert_type(collateral(Started).create_signal(Started("1")), Signal[Started])
assert_type(collateral(type(None)).create_signal(), Signal[None])
assert_type(maybe.create_signal(), Signal[None])
assert_type(maybe.create_signal(3), Signal[int | None])
assert_type(maybe.create_signal(3).payload, int | None)
assert_type(collateral(Started).create_signal(Started("1")).collateral, Collateral[Started])
widened: Signal[int | str | None] = maybe.create_signal()
collateral().create_signal()
collateral().create_signal("anything")

# An axon's attributes are its collaterals, on the class and on what a handler is given.
assert_type(DeckAxon.created, Collateral[Created])
assert_type(DeckAxon().created, Collateral[Created])
assert_type(DeckAxon().created.create_signal(Created("1")), Signal[Created])
assert_type(DeckAxon().closed.create_signal(), Signal[None])
assert_type(DeckAxon()["created"], Collateral[Any])


class MoreAxon(DeckAxon):
    renamed = collateral(str)


assert_type(MoreAxon().created, Collateral[Created])
assert_type(MoreAxon().renamed, Collateral[str])


def refused() -> None:
    collateral(Started).create_signal()  # type: ignore[call-arg]
    collateral(list[int]).create_signal()  # type: ignore[call-arg]
    collateral(Started).create_signal(Created("1"))  # type: ignore[arg-type]
    collateral(list[int]).create_signal(["1"])  # type: ignore[list-item]
    maybe.create_signal("3")  # type: ignore[call-overload]
    DeckAxon().created.create_signal("1")  # type: ignore[arg-type]
    DeckAxon().craeted  # type: ignore[attr-defined]  # noqa: B018
    collateral(Started).create_signal(Started("1")).payload = Started("2")  # type: ignore[misc]
    narrowed: Signal[int] = maybe.create_signal(3)  # type: ignore[assignment]  # noqa: F841


def routed(axon: Axon) -> Collateral[Any]:
    return axon["created"]
