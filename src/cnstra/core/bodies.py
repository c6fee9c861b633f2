"""The part of the scheduler that needs asyncio: awaitable handlers, threads, time limits, listeners, waiting.

A *worker* is the task that drives an awaitable body. When the body settles, the worker itself runs the turn that
follows, and goes on itself with the body that starts last in it; so a chain of coroutine functions costs one task, not
one a hop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
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

__all__ = ["in_thread", "limited", "listen", "spawn", "tell_later", "wait", "wake", "wake_soon"]

_FAIRNESS = 128
"""After so many bodies a worker leaves the next one to a task of its own, so that the event loop goes round."""


def spawn(run: Stimulation, activation: Activation, awaitable: Any) -> asyncio.Task[None]:
    """Start a worker for *awaitable*; its first step runs now, its end is never before the event loop's next round."""
    loop, context = run.loop_and_context()
    return start_eagerly(loop, _work(run, activation, awaitable), context.copy())


async def _work(run: Stimulation, activation: Activation, awaitable: Any) -> None:  # noqa: C901, PLR0915 - each call costs
    """Drive the body that this worker was made for, and the bodies that it adopts.

    The first body starts inside the turn that found it. A later one is the last thing of its turn, which ends after the
    body's first step. A body that ends in its first step waits for the event loop's next round to say so, unless it is
    the only one: so bodies settle in the order in which they end, whoever drives them.
    """
    me = asyncio.current_task()
    assert me is not None  # a worker is a task  # noqa: S101 - for the type checker
    run.keep(activation, me)
    _, context = run.loop_and_context()
    here = run._here
    active = run._active
    first = True
    opened = False  # the turn under way is this worker's
    bodies = 0
    while True:
        result: Any = None
        error: Exception | None = None
        waiting: Any = None
        ended = False
        try:
            coro = awaitable if awaitable.__class__ is CoroutineType else _await(awaitable)
            # Each body has a context of its own, so that no handler sees a variable that another one has set.
            step = context.copy().run
            if here is not None:
                step(here.set, activation.record)
            try:
                waiting = step(coro.send, None)
            except StopIteration as stop:
                result = stop.value
                ended = True
            except Exception as problem:  # noqa: BLE001 - every failure of a handler belongs to its task
                error = problem
                ended = True
            if opened:
                opened = False
                run.close_turn()
            if not ended:
                result = await _drive(coro, step, waiting)
            elif first or len(active) > 1:
                await _next_round()
        except Exception as problem:  # noqa: BLE001 - as above
            error = problem
        except BaseException as problem:
            me.add_done_callback(_see)
            if not ended:
                run.interrupt(activation, problem, opened=opened)
                raise
            run.halt(problem)  # the worker is cancelled, but what the body has done is done
            run.settle_body(activation, result, error, adoptable=None)
            raise
        bodies += 1
        # A task that was cancelled, and whose body swallowed that, may be cancelled at its next step: let it end.
        fresh = bodies == _FAIRNESS or me.cancelling()
        adopted = run.settle_body(activation, result, error, adoptable=None if fresh else me)
        if adopted is None:
            return
        activation, awaitable = adopted
        first = False
        opened = True


def _see(worker: asyncio.Task[None]) -> None:
    """Keep asyncio from calling an interrupt lost: it has left the event loop, and the run has it."""
    if not worker.cancelled():
        worker.exception()


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
            while hasattr(type(result), "__await__"):
                result = await result
    except Exception as error:
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
    permit = [None]  # taken by the thread that starts the function, or by this task, which then forbids it

    def call() -> Any:
        return run.invoke(activation) if _take(permit) else None

    neuron = activation.subscriber.neuron
    future = asyncio.get_running_loop().run_in_executor(None, copy_context().run, call)
    try:
        if neuron.max_duration is None:
            return await asyncio.shield(future)
        return await limited(neuron, asyncio.shield(future))
    finally:
        if not future.done():
            if _take(permit):
                future.cancel()
            else:
                run.leave_slot_to(activation, future)


def _take(permit: list[None]) -> bool:
    """Take what only one thread can get."""
    try:
        permit.pop()
    except IndexError:
        return False
    return True


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
        with suppress(ValueError):  # `wake` takes it out
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
    with suppress(RuntimeError):  # it is closed
        loop.call_soon_threadsafe(callback)


def tell_later(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Call *callback* in the second round of *loop* from now, or when that loop is closed before."""
    loop.call_soon(loop.call_soon, _Late(callback))  # the second: gather() awaits a run one round late


class _Late:
    """Calls once, at the latest when nobody else can."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback

    def __call__(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()

    def __del__(self) -> None:
        self()
