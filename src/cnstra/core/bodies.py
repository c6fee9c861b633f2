"""The part of the scheduler that needs asyncio: awaitable handlers, threads, time limits, listeners, waiting.

A *worker* is the task that drives an awaitable body. When the body settles, the worker itself runs the turn that
follows, and goes on with the next body if that is the only work left; so a chain of coroutine functions costs one task,
not one a hop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from types import CoroutineType, coroutine
from typing import TYPE_CHECKING, Any

from cnstra.core.eager import start_eagerly
from cnstra.errors import NeuronTimeout

if TYPE_CHECKING:
    from cnstra.core.neurons import Neuron
    from cnstra.core.responding import Hold
    from cnstra.core.stimulation import Stimulation
    from cnstra.core.subscribers import Activation

__all__ = ["call_later", "in_thread", "limited", "listen", "spawn", "wait", "wake", "wake_soon"]

_FAIRNESS = 64
"""After so many bodies in a row a worker lets the event loop go round once; that costs 30 ns a body."""


def spawn(run: Stimulation, activation: Activation, awaitable: Any) -> asyncio.Task[None]:
    """Start a worker for *awaitable*; its first step runs now, its end is never before the event loop's next round."""
    loop, context = run.loop_and_context()
    return start_eagerly(loop, _work(run, activation, awaitable), context.copy())


async def _work(run: Stimulation, activation: Activation, awaitable: Any) -> None:  # noqa: C901 - inline
    """Drive the body that this worker was made for, and the bodies that it adopts.

    The first body starts inside the turn that found it; if it ends at once, it waits for the event loop's next round to
    say so. A later body is the last thing of its turn, which ends after the body's first step.
    """
    me = asyncio.current_task()
    assert me is not None  # a worker is a task  # noqa: S101 - for the type checker
    _, context = run.loop_and_context()
    first = True
    rounds = 0
    while True:
        result: Any = None
        error: Exception | None = None
        waiting: Any = None
        try:
            coro = awaitable if awaitable.__class__ is CoroutineType else _await(awaitable)
            # Each body has a context of its own, so that no handler sees a variable that another one has set.
            step = context.copy().run
            try:
                waiting = step(coro.send, None)
            except StopIteration as stop:
                result = stop.value
                ended = True
            except Exception as problem:  # noqa: BLE001 - every failure of a handler belongs to its task
                error = problem
                ended = True
            else:
                ended = False
            if not first:
                run.close_turn()
            elif ended:
                await _next_round()
            if not ended:
                result = await _drive(coro, step, waiting)
            rounds += 1
            if rounds % _FAIRNESS == 0:
                await asyncio.sleep(0)
        except Exception as problem:  # noqa: BLE001 - as above
            error = problem
        except BaseException as problem:
            run.interrupt(activation, problem)
            raise
        # A task that was cancelled, and whose body swallowed that, may be cancelled at its next step: let it end.
        adopted = run.settle_body(activation, result, error, adoptable=None if me.cancelling() else me)
        if adopted is None:
            return
        activation, awaitable = adopted
        first = False


@coroutine
def _next_round() -> Generator[None, None, None]:
    yield


@coroutine
def _drive(coro: Any, step: Callable[..., Any], waiting: Any) -> Generator[Any, Any, Any]:
    """Drive *coro* to its end, each step by way of *step*; it has taken its first, and waits for *waiting*."""
    while True:
        try:
            value = yield waiting
        except BaseException as error:  # noqa: BLE001 - handed to the body, which decides
            resume, value = coro.throw, error
        else:
            resume = coro.send
        try:
            waiting = step(resume, value)
        except StopIteration as stop:
            return stop.value


def _coroutine_of(awaitable: Any) -> Any:
    return awaitable if awaitable.__class__ is CoroutineType else _await(awaitable)


async def _await(awaitable: Any) -> Any:
    return await awaitable


async def limited(neuron: Neuron[Any], awaitable: Any) -> Any:
    """Await *awaitable*, but cancel it after the neuron's `max_duration`.

    Raises:
        NeuronTimeout: If the time is up, also if the body swallowed the cancellation.
    """
    seconds = neuron.max_duration or 0.0
    scope = asyncio.timeout(seconds)
    try:
        async with scope:
            result = await awaitable
    except TimeoutError as error:
        if scope.expired():
            raise NeuronTimeout(neuron.label, seconds) from error
        raise
    if scope.expired():
        raise NeuronTimeout(neuron.label, seconds)
    return result


async def in_thread(run: Stimulation, activation: Activation) -> Any:
    """Run a blocking handler in the event loop's default executor, within the neuron's time limit.

    Nothing can stop a thread: on a time-out the task fails at once, but a slot of the neuron's concurrency limit is
    given back only when the function has really returned, so that two bodies never overlap.
    """
    started = False

    def call() -> Any:
        nonlocal started
        started = True
        return run.invoke(activation)

    neuron = activation.subscriber.neuron
    future = asyncio.get_running_loop().run_in_executor(None, copy_context().run, call)
    try:
        if neuron.max_duration is None:
            return await asyncio.shield(future)
        return await limited(neuron, asyncio.shield(future))
    finally:
        if not future.done():
            if not started:
                future.cancel()
            run.leave_slot_to(activation, future)


def listen(run: Stimulation, awaitable: Any, hold: Hold) -> asyncio.Future[Any]:
    """Let the awaitable of a listener run; *hold* is released when it has settled."""
    loop, context = run.loop_and_context()
    if isinstance(awaitable, asyncio.Future):
        future = awaitable
    else:
        future = start_eagerly(loop, _as_coroutine(awaitable), context.copy())

    def settled(done: asyncio.Future[Any]) -> None:
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if isinstance(error, Exception):
            run.add_listener_error(error)
        elif error is not None:
            run.halt(error)
        hold.release()

    future.add_done_callback(settled)
    return future


def _as_coroutine(awaitable: Any) -> Coroutine[Any, Any, Any]:
    coro: Coroutine[Any, Any, Any] = _coroutine_of(awaitable)
    return coro


async def wait(waiters: list[asyncio.Future[None]], is_done: Callable[[], bool]) -> None:
    """Return when `wake` is called with *waiters*; a cancelled caller leaves no trace."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiters.append(future)
    try:
        if not is_done():  # it may have ended meanwhile, in another thread
            await future
    finally:
        if future in waiters:
            waiters.remove(future)


def wake(waiters: list[asyncio.Future[None]]) -> None:
    """End every wait; each waiter may be in an event loop of its own."""
    here = asyncio.events._get_running_loop()
    while waiters:
        future = waiters.pop()
        loop = future.get_loop()
        if loop is here:
            _set(future)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(_set, future)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def wake_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Call *callback* in *loop*, from any thread or signal handler; a closed loop is past caring."""
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:
        if not loop.is_closed():
            raise


def call_later(loop: asyncio.AbstractEventLoop, rounds: int, callback: Callable[[], object]) -> None:
    """Call *callback* after *rounds* rounds of *loop*."""
    if rounds <= 1:
        loop.call_soon(callback)
    else:
        loop.call_soon(call_later, loop, rounds - 1, callback)
