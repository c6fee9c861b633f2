"""The declared types of the context value and of the global object reach the handlers, in any order of declaring."""

from typing import Any, Protocol, TypedDict, assert_type

from cnstra import CNS, HandlerContext, Neuron, neuron, neuron_factory, with_ctx, with_global
from tests.typing.messages import DeckAxon, Progress, Settings, Started, ignore, started


class Count(TypedDict):
    cards: int


class Mailer(Protocol):
    def send(self, text: str) -> None: ...


# In any order, by any beginning.
Typed = Neuron[DeckAxon, Progress, Settings]
assert_type(with_ctx(Progress).neuron(DeckAxon), Neuron[DeckAxon, Progress, Any])
assert_type(with_global(Settings).neuron(DeckAxon), Neuron[DeckAxon, Any, Settings])
assert_type(with_ctx(Progress).with_global(Settings).neuron(DeckAxon), Typed)
assert_type(with_global(Settings).with_ctx(Progress).neuron(DeckAxon), Typed)
assert_type(neuron_factory().with_ctx(Progress).with_global(Settings).neuron(DeckAxon), Typed)
assert_type(neuron_factory().with_global(Settings).with_ctx(Progress).neuron(DeckAxon), Typed)
assert_type(neuron_factory().neuron(DeckAxon), Neuron[DeckAxon])
assert_type(with_ctx(Progress).neuron({"started": started}), Neuron[Any, Progress, Any])

# A type of any form.
assert_type(with_ctx(Count).neuron(DeckAxon), Neuron[DeckAxon, Count])
assert_type(with_ctx(dict[str, int]).neuron(DeckAxon), Neuron[DeckAxon, dict[str, int]])
assert_type(with_ctx(int | None).neuron(DeckAxon), Neuron[DeckAxon])
assert_type(with_ctx().neuron(DeckAxon), Neuron[DeckAxon])
assert_type(with_global(Mailer).neuron(DeckAxon), Neuron[DeckAxon, Any, Mailer])

# Parameters that are left out are Any.
assert_type(neuron(DeckAxon), Neuron[DeckAxon, Any, Any])


def left_out(
    one: Neuron[DeckAxon], two: Neuron[DeckAxon, Progress], ctx: HandlerContext, own: HandlerContext[int]
) -> None:
    assert_type(one, Neuron[DeckAxon, Any, Any])
    assert_type(two, Neuron[DeckAxon, Progress, Any])
    assert_type(ctx, HandlerContext[Any, Any])
    assert_type(own, HandlerContext[int, Any])


# The handlers know them.
deck = with_ctx(Progress).with_global(Settings).neuron(DeckAxon)
deck.dendrite(started, lambda payload, axon, ctx: ctx.set(Progress(1)))


@deck.dendrite(started)
def count(payload: Started, axon: DeckAxon, ctx: HandlerContext[Progress, Settings]) -> None:
    assert_type(ctx.get(), Progress | None)
    assert_type(ctx.global_, Settings)
    assert_type(ctx.cns, CNS[Settings])
    assert_type(ctx.activation_id, str)
    assert_type(ctx.attempt_number, int)
    ctx.set(Progress(3))


@deck.dendrite(started)
async def count_untyped(payload: Started, axon: DeckAxon, ctx: HandlerContext) -> None:
    assert_type(ctx.global_, Any)


@with_ctx(Progress).neuron(DeckAxon).dendrite(started)
def count_without_global(payload: Started, axon: DeckAxon, ctx: HandlerContext[Progress]) -> None:
    assert_type(ctx.get(), Progress | None)
    assert_type(ctx.global_, Any)


# A CNS has the type of its global object.
assert_type(CNS([deck], global_=Settings()), CNS[Settings])
assert_type(CNS([deck]), CNS[Any])
assert_type(CNS([deck], global_=Settings()).global_, Settings)


def another_value(payload: Started, axon: DeckAxon, ctx: HandlerContext[int, Settings]) -> None: ...
def another_global(payload: Started, axon: DeckAxon, ctx: HandlerContext[Progress, str]) -> None: ...


def refused(ctx: HandlerContext[Progress, Settings]) -> None:
    ctx.set(3)  # type: ignore[arg-type]
    ctx.get().cards  # type: ignore[union-attr]  # noqa: B018
    ctx.global_ = Settings()  # type: ignore[misc]
    deck.dendrite(started, another_value)  # type: ignore[arg-type]
    deck.dendrite(started, another_global)  # type: ignore[arg-type]
    deck.dendrite(started)(another_value)  # type: ignore[arg-type]
    deck.dendrite(started, lambda payload, axon, ctx: ctx.set("3"))  # type: ignore[misc, arg-type]
    deck.dendrite(started, lambda payload, axon, ctx: ignore(ctx.global_.retires))  # type: ignore[misc, arg-type]
