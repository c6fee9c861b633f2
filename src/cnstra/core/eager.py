"""Tasks whose first step runs at once, inside the call that makes them.

Python 3.12 has them (``eager_start``). On 3.11 the first step is driven here, with the new task installed as the
current one, so that ``asyncio.timeout``, ``TaskGroup`` and ``current_task`` see the task that will drive the rest.
Registering a task as current by hand is asyncio's documented hook for task implementations outside it ("Extending",
Task lifetime support).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any

__all__ = ["start_eagerly"]

if sys.version_info >= (3, 12):

    def start_eagerly(
        loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], context: Context
    ) -> asyncio.Task[Any]:
        """Make a task for *coro* in *context*, and run it up to its first suspension."""
        return asyncio.Task(coro, loop=loop, context=context, eager_start=True)

else:

    def start_eagerly(
        loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], context: Context
    ) -> asyncio.Task[Any]:
        """Make a task for *coro* in *context*, and run it up to its first suspension."""
        started = _Started(coro)
        task = asyncio.Task(started, loop=loop, context=context)
        before = asyncio.current_task(loop)
        if before is not None:
            asyncio.tasks._leave_task(loop, before)
        asyncio.tasks._enter_task(loop, task)
        try:
            context.run(started.take_first_step)
        finally:
            asyncio.tasks._leave_task(loop, task)
            if before is not None:
                asyncio.tasks._enter_task(loop, before)
        return task


class _Started(Coroutine[Any, Any, Any]):
    """A coroutine that has taken its first step already; the task that drives it is told at its own first step."""

    __slots__ = ("_coro", "_error", "_finished", "_first", "_result", "_waiting")

    def __init__(self, coro: Coroutine[Any, Any, Any]) -> None:
        self._coro = coro
        self._first = True
        self._waiting: Any = None
        self._finished = False
        self._result: Any = None
        self._error: BaseException | None = None

    def take_first_step(self) -> None:
        try:
            self._waiting = self._coro.send(None)
        except StopIteration as stop:
            self._finished, self._result = True, stop.value
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - raised again by the task's own first step
            self._finished, self._error = True, error
        except BaseException:  # KeyboardInterrupt, SystemExit: the caller of the first step gets it, at once
            self._finished = True
            raise

    def send(self, value: Any) -> Any:
        if not self._first:
            return self._coro.send(value)
        self._first = False
        if not self._finished:
            # It waits for nothing but the event loop's next round: that is now.
            return self._coro.send(None) if self._waiting is None else self._waiting
        if self._error is not None:
            raise self._error
        raise StopIteration(self._result)

    def throw(self, error: Any, value: Any = None, traceback: Any = None) -> Any:  # noqa: ARG002 - as a coroutine has it
        # The first throw is a cancellation that came before the task's own first step: what the coroutine waits for is
        # cancelled, as the task would have done had it known of it.
        if self._first:
            self._first = False
            if self._finished:
                raise error
            waiting, self._waiting = self._waiting, None
            if waiting is not None:
                if waiting.cancel():
                    return waiting
                waiting._asyncio_future_blocking = False
        return self._coro.throw(error)

    def close(self) -> None:
        self._coro.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        raise TypeError("only a task drives this")
