"""One job's way from the thread that runs a task into the event loop, and its answer's way back."""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, final

from cnstra.core.eager import start_eagerly

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cnstra.workers.deliveries import Delivery, Outcome

__all__ = ["Turn"]


@final
class Turn:
    """A delivery that a thread waits for, while the event loop of another one handles it.

    `asyncio.run_coroutine_threadsafe` would do. It takes three rounds of the event loop more, a second future and a
    condition: 60 us of processor time, where a job of one hop takes 140.

    Args:
        delivery: It.
        handle: Handles it, in the event loop.
    """

    def __init__(self, delivery: Delivery, handle: Callable[[Delivery], Awaitable[Outcome]]) -> None:
        self._delivery = delivery
        self._handle = handle
        self._task: asyncio.Task[Outcome] | None = None
        self._is_cancelled = False
        self._open = threading.Lock()
        self._open.acquire()

    # ---- in the thread that runs the task --------------------------------------------------------------------

    def wait(self) -> Outcome:
        """Return the outcome.

        Raises:
            asyncio.CancelledError: If it was cancelled.
            Exception: What the handling has raised, or a handler of a signal in this thread.
        """
        self._open.acquire()
        if self._task is None:
            raise asyncio.CancelledError("the event loop has ended")
        return self._task.result()

    # ---- in the event loop -----------------------------------------------------------------------------------

    def begin(self, over: Callable[[Turn], object]) -> None:
        """Begin to handle it; call *over* before the thread goes on."""
        try:
            self._task = start_eagerly(asyncio.get_running_loop(), self._run(), copy_context())
        except BaseException:  # it ends the event loop, and the thread must not wait for ever
            self._end(over)
            raise
        self._task.set_name(f"cnstra-job-{self._delivery.job_id}")
        self._task.add_done_callback(lambda _: self._end(over))
        if self._is_cancelled:
            self._task.cancel()

    def cancel(self) -> None:
        """Give the job back; it may not have begun."""
        self._is_cancelled = True
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> Outcome:
        return await self._handle(self._delivery)

    def _end(self, over: Callable[[Turn], object]) -> None:
        over(self)
        self._open.release()
