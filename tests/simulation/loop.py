"""An event loop in virtual time: one thread of a simulated process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, Unpack

if TYPE_CHECKING:
    from tests.simulation.processes import Process

__all__ = ["Gone", "SimulatedLoop"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_RESOLUTION = 1e-6
"""A timer is never due at the instant at which it is set: time goes on while real code runs."""
_BUSY = 20_000
"""Callbacks at one instant after which a process is taken to go round in circles."""


class Gone(BaseException):
    """The world is over: what coroutines do while they are thrown away must not wait."""


class SimulatedLoop(asyncio.AbstractEventLoop):
    """What asyncio needs of an event loop, for one process; the world says when its callbacks run.

    Callbacks of one loop run in the order in which they were scheduled, as asyncio promises; timers by their times.

    Attributes:
        process: Whose thread it is.
        held_until: When it goes on, in the world's time; it is held up until then.
    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self.held_until = 0.0
        self._world = process.world
        self._ready: deque[asyncio.Handle] = deque()
        self._is_up = False  # the world knows that it has something to do
        self._is_over = False
        self._stood_still = 0.0
        self._tasks: list[asyncio.Task[Any]] = []

    # ---- what the world asks ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Run what is ready, until nothing is, unless it is held up."""
        world, process, ready = self._world, self.process, self._ready
        asyncio._set_running_loop(self)
        try:
            for _ in range(_BUSY):
                if not process.alive:
                    self.freeze()
                    return
                if not ready:
                    self._is_up = False
                    return
                if self.held_until > world.now:
                    world.after(self.held_until - world.now, world.wake, self)
                    return
                handle = ready.popleft()
                if not handle._cancelled:
                    handle._run()
                process.took_step()
        finally:
            asyncio._set_running_loop(None)
        world.violate(f"{process.name} is busy for ever at one instant")

    def hold(self, seconds: float, *, clock_stops: bool) -> None:
        """Run nothing for a while; timers come later if the clock stands still meanwhile."""
        self.held_until = max(self.held_until, self._world.now + seconds)
        if clock_stops:
            self._stood_still += seconds

    def freeze(self) -> None:
        """Keep what is unfinished, now that its process is dead: to collect it would be to run its `finally` blocks."""
        self._tasks += asyncio.all_tasks(self)  # some were made without being asked for here

    def throw_away(self) -> None:
        """Close what its tasks have left, now that the world is over."""
        self._is_over = True
        asyncio._set_running_loop(self)
        for task in self._tasks:
            if task.done():
                continue
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is expected here
            coro: Any = task.get_coro()
            for _ in range(3):  # a `finally` block that lets others run needs another push
                try:
                    coro.close()
                except (Gone, RuntimeError):
                    continue
                break
        asyncio._set_running_loop(None)
        self._tasks.clear()
        self._ready.clear()

    # ---- what asyncio asks -----------------------------------------------------------------------------------

    def time(self) -> float:
        return self.process.clock()

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._add(handle)
        return handle

    call_soon_threadsafe = call_soon

    def _add(self, handle: asyncio.Handle) -> None:
        if not self.process.alive:
            return
        self._ready.append(handle)
        if not self._is_up:
            self._is_up = True
            self._world.wake(self)

    def call_later(
        self, delay: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(self.time() + delay, callback, args, self, context)
        self._world.after(max(delay / self.process.rate, _RESOLUTION), self._ring, timer, self._stood_still)
        return timer

    def _ring(self, timer: asyncio.TimerHandle, stood_still: float) -> None:
        if timer._cancelled:
            return
        if stood_still < self._stood_still:
            self._world.after(self._stood_still - stood_still, self._ring, timer, self._stood_still)
        else:
            self._add(timer)

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_later(when - self.time(), callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass  # it is dropped when its time has come

    def create_future(self) -> asyncio.Future[Any]:
        if self._is_over:
            raise Gone
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.append(task)
        return task

    def run_in_executor(self, executor: Any, func: Callable[[Unpack[Ts]], T], *args: *Ts) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()

        def call() -> None:
            result = func(*args)
            if not future.done():
                future.set_result(result)

        self.call_soon(call)
        return future

    def get_debug(self) -> bool:
        return False

    def is_closed(self) -> bool:
        return not self.process.alive

    def is_running(self) -> bool:
        return asyncio._get_running_loop() is self

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self.process.alive:
            self.process.world.violate(f"{self.process.name}: {context['message']}: {context.get('exception')!r}")
