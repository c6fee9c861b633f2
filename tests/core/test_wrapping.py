import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cnstra import CNS, GraphError, HandlerContext, collateral, neuron

started = collateral(int, name="started")
passed = collateral(int, name="passed")


def seen_by(cns: CNS[Any]) -> list[str]:
    """Return a list that every handler of a graph is written into."""
    seen: list[str] = []

    def note(ctx: HandlerContext[Any, Any], call: Callable[[], Any]) -> Any:
        seen.append(ctx.neuron.label)
        return call()

    cns.wrap_handlers(note)
    return seen


def graph_of(*handlers: Callable[..., Any], **options: Any) -> CNS[Any]:
    """Return a graph with one neuron for each handler, all on one collateral."""
    neurons = [neuron({}, name=f"n{place}", **options) for place, _ in enumerate(handlers)]
    for one, handler in zip(neurons, handlers, strict=True):
        one.dendrite(started, handler)
    return CNS(neurons)


def test_a_wrapper_is_around_handlers_of_every_arity() -> None:
    given: list[Any] = []
    cns = graph_of(
        lambda: given.append(()),
        given.append,
        lambda payload, axon: given.append((payload, dict(axon))),
        lambda payload, axon, ctx: given.append(ctx.neuron.label),
    )
    seen = seen_by(cns)

    cns.stimulate(started.create_signal(7))

    assert given == [(), 7, (7, {}), "n3"]
    assert seen == ["n0", "n1", "n2", "n3"]


def test_what_the_handler_returns_goes_on() -> None:
    first, second = neuron({"passed": passed}, name="first"), neuron({}, name="second")
    got: list[int] = []
    first.dendrite(started, lambda payload, axon: axon.passed.create_signal(payload + 1))
    second.dendrite(passed, got.append)
    cns = CNS([first, second])
    seen = seen_by(cns)

    cns.stimulate(started.create_signal(1))

    assert (got, seen) == ([2], ["first", "second"])


async def test_coroutines_threads_limits_and_watched_runs_are_wrapped_too() -> None:
    async def suspended(payload: int) -> None:
        await asyncio.sleep(0)

    cns = graph_of(suspended, lambda payload: None, concurrency=1)
    blocking = neuron({}, name="thread")
    blocking.dendrite(started, lambda payload: None, in_thread=True)
    cns = CNS([*cns.neurons, blocking])
    seen = seen_by(cns)

    await cns.stimulate(started.create_signal(1), on_response=lambda response: None)
    await cns.stimulate(started.create_signal(1))

    assert sorted(seen) == ["n0", "n0", "n1", "n1", "thread", "thread"]


async def test_a_wrapper_may_await_the_body() -> None:
    got: list[str] = []

    def around(ctx: HandlerContext[Any, Any], call: Callable[[], Any]) -> Any:
        async def body() -> Any:
            got.append("before")
            result = await call()
            got.append("after")
            return result

        return body()

    async def handler(payload: int) -> None:
        await asyncio.sleep(0)
        got.append("body")

    cns = graph_of(handler)
    cns.wrap_handlers(around)

    await cns.stimulate(started.create_signal(1))

    assert got == ["before", "body", "after"]


def test_the_last_wrapper_is_outermost_and_each_can_be_taken_off() -> None:
    cns = graph_of(lambda payload: order.append("handler"))
    order: list[str] = []

    def named(name: str) -> Callable[..., Any]:
        def wrapper(ctx: HandlerContext[Any, Any], call: Callable[[], Any]) -> Any:
            order.append(name)
            return call()

        return wrapper

    remove_inner, remove_outer = cns.wrap_handlers(named("inner")), cns.wrap_handlers(named("outer"))
    cns.stimulate(started.create_signal(1))
    remove_inner()
    remove_inner()
    cns.stimulate(started.create_signal(1))
    remove_outer()
    cns.stimulate(started.create_signal(1))

    assert order == ["outer", "inner", "handler", "outer", "handler", "handler"]
    assert cns.table[started].fn is cns.neurons[0].dendrites[0].response  # type: ignore[union-attr]


def test_what_a_wrapper_raises_fails_the_task() -> None:
    cns = graph_of(lambda payload: None)

    def refuse(ctx: HandlerContext[Any, Any], call: Callable[[], Any]) -> Any:
        raise ValueError("no")

    cns.wrap_handlers(refuse)
    run = cns.stimulate(started.create_signal(1))

    assert [repr(failure.error) for failure in run.get_failed_tasks()] == ["ValueError('no')"]


def test_graphs_that_share_a_neuron_are_wrapped_each_by_itself() -> None:
    one = graph_of(lambda payload: None)
    other = CNS(one.neurons)
    seen = seen_by(one)

    other.stimulate(started.create_signal(1))
    one.stimulate(started.create_signal(1))

    assert seen == ["n0"]


def test_a_wrapper_must_be_callable() -> None:
    with pytest.raises(GraphError, match="must be callable, not 7"):
        graph_of(lambda payload: None).wrap_handlers(7)  # type: ignore[arg-type]
