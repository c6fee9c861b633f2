"""What a handler is given flows from the collateral and the neuron, in every form of declaration."""

from collections.abc import Callable, Coroutine
from typing import Any, assert_type

from cnstra import HandlerContext, Neuron, Signal, neuron
from tests.typing.messages import CardAxon, Created, DeckAxon, Settings, Started, created, ignore, restarted, started

deck = neuron(DeckAxon)
assert_type(deck, Neuron[DeckAxon])
assert_type(deck.axon, DeckAxon)
assert_type(neuron(DeckAxon, concurrency=1, max_duration=2.0, name="deck"), Neuron[DeckAxon])
assert_type(neuron({"created": created}), Neuron[Any])


# The call form, with a function of each arity and kind.
def nothing() -> None: ...
def on_started(payload: Started) -> None: ...
def on_anything(payload: object) -> None: ...
def on_either(payload: Started | Created) -> None: ...
def on_created(payload: Created) -> None: ...
def with_a_default(payload: Started, retries: int = 3) -> None: ...
def with_axon(payload: Started, axon: DeckAxon) -> Signal[Created]:
    return axon.created.create_signal(Created(payload.import_id))


def with_ctx(payload: Started, axon: DeckAxon, ctx: HandlerContext) -> list[Signal[Created]] | None:
    return [] if ctx.get() else None


async def opened(payload: Started, axon: DeckAxon) -> Signal[Created] | Signal[None] | None:
    return axon.closed.create_signal() if payload.import_id else None


async def listed(payload: Started) -> list[Signal[Any]]:
    return []


def with_another_axon(payload: Started, axon: CardAxon) -> None: ...
def with_another_ctx(payload: Started, axon: DeckAxon, ctx: HandlerContext[int, Settings]) -> None: ...
def number(payload: Started) -> int:
    return 1


async def later_number(payload: Started) -> int:
    return 1


chained = (
    deck.dendrite(started, nothing)
    .dendrite(started, on_started)
    .dendrite(started, on_anything)
    .dendrite(started, on_either)
    .dendrite(started, with_a_default)
    .dendrite(started, with_axon)
    .dendrite(started, with_ctx)
    .dendrite(started, with_another_ctx)  # a neuron without declared types leaves them to the handler
    .dendrite(started, opened)
    .dendrite(started, listed)
    .dendrite(started, on_started, in_thread=True)
    .set_concurrency(2)
    .set_max_duration(None)
)
assert_type(chained, Neuron[DeckAxon])

# The call form, with a lambda, which has no annotations to go by. (What it is given is known: see `refused`; mypy looks
# into a lambda once before it knows, so that assert_type in there would fail.)
deck.dendrite(started, lambda: None)
deck.dendrite(started, lambda payload: ignore(payload.import_id))
deck.dendrite(started, lambda payload, axon, ctx: ctx.set(payload.import_id))
deck.dendrite(started, lambda payload, axon: axon.created.create_signal(Created(payload.import_id)))

# The list form.
deck.dendrite([started, restarted], on_started).dendrite((started, restarted), on_started)
deck.dendrite([started, restarted], lambda payload: ignore(payload.import_id))
deck.dendrite([started, created], on_either).dendrite([started, created], nothing)
deck.dendrite([started, created], lambda payload, axon: axon.closed.create_signal())


# The decorator keeps what it decorates.
@deck.dendrite(started)
async def open_deck(payload: Started, axon: DeckAxon, ctx: HandlerContext) -> Signal[Created]:
    return axon.created.create_signal(Created(payload.import_id))


@deck.dendrite([started, restarted])
def start_again(payload: Started) -> None: ...


@deck.dendrite([started, created])
def take_both(payload: Started | Created) -> None: ...


@deck.dendrite(started, in_thread=True)
def block() -> None: ...


assert_type(open_deck, Callable[[Started, DeckAxon, HandlerContext], Coroutine[Any, Any, Signal[Created]]])
assert_type(start_again, Callable[[Started], None])
assert_type(take_both, Callable[[Any], None])
assert_type(block, Callable[[], None])

# Binding: the methods keep their class, and the chain its neuron.
mailer = neuron(CardAxon)
assert_type(mailer.bind(DeckAxon, {"created": on_created, "closed": lambda: None}), Neuron[CardAxon])
assert_type(
    mailer.bind(deck, {"created": lambda p, axon: axon.started.create_signal(p), "closed": nothing}), Neuron[CardAxon]
)


@mailer.bind(DeckAxon)
class Mails:
    def created(self, payload: Created, axon: CardAxon) -> Signal[Started]:
        return axon.started.create_signal(Started(payload.deck_id))

    async def closed(self) -> None: ...


assert_type(Mails(), Mails)


def refused() -> None:
    deck.dendrite(started, on_created)  # type: ignore[arg-type]
    deck.dendrite([started, restarted], on_created)  # type: ignore[arg-type]
    deck.dendrite(started, with_another_axon)  # type: ignore[arg-type]
    deck.dendrite(started, number)  # type: ignore[arg-type]
    deck.dendrite(started, later_number)  # type: ignore[arg-type]
    deck.dendrite(started, lambda payload: ignore(payload.deck_id))  # type: ignore[attr-defined]
    deck.dendrite(started, lambda payload, axon: ignore(payload.deck_id))  # type: ignore[misc, arg-type]
    deck.dendrite(started, lambda payload, axon: axon.craeted.create_signal())  # type: ignore[misc, arg-type]
    deck.dendrite(started, lambda payload, axon: axon.created.create_signal("1"))  # type: ignore[misc, arg-type]
    deck.dendrite(started, lambda payload: 1)  # type: ignore[arg-type, return-value]
    deck.dendrite([started, created], on_created)  # type: ignore[list-item]
    deck.dendrite("started", on_started)  # type: ignore[arg-type]
    deck.dendrite(started)(on_created)  # type: ignore[arg-type]
    deck.dendrite(started)(with_another_axon)  # type: ignore[arg-type]
    deck.dendrite(started)(number)  # type: ignore[type-var]
    mailer.bind(DeckAxon, {"created": with_axon, "closed": nothing})  # type: ignore[dict-item]
    mailer.bind(DeckAxon, {"created": number, "closed": nothing})  # type: ignore[dict-item]
    mailer.bind(created, {"created": on_created})  # type: ignore[call-overload]
    neuron(created)  # type: ignore[call-overload]
    neuron(DeckAxon, concurrency="2")  # type: ignore[call-overload]
