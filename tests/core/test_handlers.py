from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import Any

import pytest

from cnstra import CNS, Axon, Signal, collateral, neuron
from cnstra.core.handlers import arity_of, is_asynchronous
from cnstra.errors import GraphError, HandlerReturnError, StimulationFailed

started = collateral(int, name="started")


class Outputs(Axon):
    done = collateral(object)


def called_with(handler: Callable[..., Any]) -> list[Any]:
    """Return what *handler* is called with by a run on 1, as `handler` itself notes it down."""
    noted: list[Any] = []
    made = neuron(Outputs).dendrite(started, functools.wraps(handler)(lambda *given: noted.extend(given)))
    CNS([made]).stimulate(started.create_signal(1))
    return noted


class Callable3:
    def __call__(self, payload: int, axon: Outputs, ctx: Any) -> None:
        pass

    def method(self, payload: int, axon: Outputs) -> None:
        pass

    @classmethod
    def of_class(cls, payload: int) -> None:
        pass

    @staticmethod
    def static() -> None:
        pass


def three(payload: int, axon: Outputs, ctx: Any) -> None:
    pass


ARITIES: dict[str, tuple[Callable[..., Any], int]] = {
    "()": (lambda: None, 0),
    "(payload)": (lambda payload: None, 1),
    "(payload, axon)": (lambda payload, axon: None, 2),
    "(payload, axon, ctx)": (three, 3),
    "(*args)": (lambda *args: None, 3),
    "(payload, *rest)": (lambda payload, *rest: None, 3),
    "(payload=7)": (lambda payload=7: None, 1),
    "(payload, card=7)": (lambda payload, card=7: None, 1),
    "(payload, axon, card=7)": (lambda payload, axon, card=7: None, 2),
    "(payload, /, axon)": (lambda payload, /, axon: None, 2),
    "(payload, *, card=7)": (lambda payload, *, card=7: None, 1),
    "(payload, **options)": (lambda payload, **options: None, 1),
    "partial with the first": (functools.partial(three, 1), 2),
    "partial with the last": (functools.partial(three, ctx=1), 2),
    "callable object": (Callable3(), 3),
    "bound method": (Callable3().method, 2),
    "class method": (Callable3.of_class, 1),
    "static method": (Callable3.static, 0),
    "wrapped": (functools.wraps(three)(lambda *args: None), 3),
    "builtin method": ([].append, 1),
    "builtin": (print, 3),
}


@pytest.mark.parametrize(("handler", "arity"), ARITIES.values(), ids=ARITIES)
def test_the_signature_tells_how_many_arguments_a_handler_gets(handler: Callable[..., Any], arity: int) -> None:
    assert arity_of(handler, "a handler") == arity


def test_payload_axon_and_context_come_in_this_order() -> None:
    payload, axon, ctx = called_with(three)

    assert payload == 1
    assert axon is not None
    assert ctx.stimulation.done


@pytest.mark.parametrize("handler", [handler for handler, _ in list(ARITIES.values())[:4]], ids=range(4))
def test_a_handler_gets_no_more_than_it_takes(handler: Callable[..., Any]) -> None:
    assert len(called_with(handler)) == arity_of(handler, "a handler")


def test_a_default_keeps_its_own_value() -> None:
    seen: list[tuple[int, int]] = []
    handlers = [lambda payload, card=card: seen.append((payload, card)) for card in (7, 8)]
    made = neuron({}).dendrite(started, handlers[0]).dendrite(started, handlers[1])

    CNS([made]).stimulate(started.create_signal(1))

    assert seen == [(1, 7), (1, 8)]


def test_a_builtin_is_a_handler() -> None:
    seen: list[int] = []

    CNS([neuron({}).dendrite(started, seen.append)]).stimulate(started.create_signal(1))

    assert seen == [1]


@pytest.mark.parametrize(
    ("handler", "problem"),
    [
        (5, "5, which cannot be called"),
        ("text", "'text', which cannot be called"),
        (lambda payload, axon, ctx, more: None, "needs 4 arguments"),
        (lambda payload, *, card: None, "needs the keyword argument 'card'"),
    ],
)
def test_what_no_dendrite_can_call_is_refused_when_it_is_declared(handler: Any, problem: str) -> None:
    with pytest.raises(GraphError, match=f"handler of neuron parser for started.*{problem}"):
        neuron({}, name="parser").dendrite(started, handler)


def yielding() -> Iterator[int]:
    yield 1


async def yielding_later() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize("handler", [yielding, yielding_later, functools.partial(yielding)])
def test_a_generator_is_refused_when_it_is_declared(handler: Any) -> None:
    with pytest.raises(GraphError, match="is a generator; return a list of signals"):
        neuron({}).dendrite(started, handler)


async def coroutine_function(payload: int) -> None:
    pass


class AsynchronousCallable:
    async def __call__(self, payload: int) -> None:
        pass

    async def method(self, payload: int) -> None:
        pass


@pytest.mark.parametrize(
    "handler",
    [
        coroutine_function,
        functools.partial(coroutine_function, 1),
        functools.partial(functools.partial(coroutine_function)),
        AsynchronousCallable(),
        AsynchronousCallable().method,
        functools.partial(AsynchronousCallable()),
    ],
)
def test_a_handler_that_will_return_an_awaitable_is_known_by_its_looks(handler: Any) -> None:
    assert is_asynchronous(handler)


@pytest.mark.parametrize("handler", [three, Callable3(), functools.partial(three), print])
def test_a_plain_function_is_not_taken_for_an_asynchronous_one(handler: Any) -> None:
    assert not is_asynchronous(handler)


class Later:
    """An awaitable that is no coroutine."""

    def __await__(self) -> Generator[Any, Any, None]:
        yield from ()


def returning_a_coroutine(payload: int) -> Awaitable[None]:
    return coroutine_function(payload)


AWAITABLES: dict[str, Callable[[int], Awaitable[None]]] = {
    "coroutine function": coroutine_function,
    "callable object": AsynchronousCallable(),
    "function that returns a coroutine": returning_a_coroutine,
    "wrapper of a coroutine function": functools.wraps(coroutine_function)(returning_a_coroutine),
    "function that returns an awaitable": lambda payload: Later(),
}


@pytest.mark.parametrize("handler", AWAITABLES.values(), ids=AWAITABLES)
async def test_whatever_returns_an_awaitable_is_awaited(handler: Callable[[int], Awaitable[None]]) -> None:
    run = CNS([neuron({}).dendrite(started, handler)]).stimulate(started.create_signal(1))

    assert not run.done
    await run


def a_signal() -> Signal[object]:
    return Outputs.done.create_signal(1)


@pytest.mark.parametrize("returned", [None, a_signal(), [], (), [a_signal()], (a_signal(), a_signal())])
def test_a_handler_returns_nothing_a_signal_or_several(returned: Any) -> None:
    run = CNS([neuron(Outputs).dendrite(started, lambda: returned)]).stimulate(started.create_signal(1))

    assert run.get_failed_tasks() == []


UNFIT: list[Any] = ["text", 5, False, 0, {}, {a_signal()}, [None], [a_signal(), 5], [[a_signal()]], iter([a_signal()])]


@pytest.mark.parametrize("on_response", [None, lambda response: None], ids=["plain", "watched"])
@pytest.mark.parametrize("returned", UNFIT, ids=range(len(UNFIT)))
def test_anything_else_fails_the_task_with_an_error_that_names_it(returned: Any, on_response: Any) -> None:
    made = neuron(Outputs, name="parser").dendrite(started, lambda: returned)

    run = CNS([made]).stimulate(started.create_signal(1), on_response=on_response)

    (failure,) = run.get_failed_tasks()
    assert isinstance(failure.error, HandlerReturnError)
    assert str(failure.error).startswith(f"the handler of neuron parser for started returned {returned!r:.60}")


async def test_what_an_awaitable_comes_to_is_checked_too() -> None:
    async def handler() -> Any:
        return "text"

    run = CNS([neuron(Outputs, name="parser").dendrite(started, handler)]).stimulate(started.create_signal(1))

    with pytest.raises(StimulationFailed) as failed:
        await run
    assert failed.group_contains(HandlerReturnError, match="parser.*started.*'text'")


def test_a_long_value_is_cut_in_the_error() -> None:
    text: Any = "x" * 10_000

    run = CNS([neuron({}).dendrite(started, lambda: text)]).stimulate(started.create_signal(1))

    assert len(str(run.get_failed_tasks()[0].error)) < 300
