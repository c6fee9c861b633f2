"""The way between processes and their store, on which requests and answers are slow, lost, late or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, final

from cnstra.errors import StoreError
from cnstra.persist.ports import Store
from tests.durability.wrapping import StoreWrapper

if TYPE_CHECKING:
    from tests.simulation.processes import Process
    from tests.simulation.world import World

__all__ = ["Network", "RemoteStore", "Request", "come_to"]

T = TypeVar("T")
_LATEST = 2.0
"""After so many leases a request is done, or never will be."""


class RemoteStore(StoreWrapper):
    """The store, as one process sees it."""

    def __init__(self, network: Network, process: Process) -> None:
        super().__init__(network.store)
        self._network = network
        self._process = process

    async def around(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        result: T = await self._network.request(self._process, operation, call)
        return result

    async def changed(self, scope: str, timeout: float) -> bool:  # noqa: ASYNC109 - as in the port
        if not self._network.tells_of_changes(self._process):
            await asyncio.sleep(timeout)
            return False
        return await super().changed(scope, timeout)

    def beat(self, worker_id: str, lease: float) -> bool:
        raise AssertionError("nothing here may block; see beat_later")

    async def beat_later(self, worker_id: str, lease: float) -> bool:
        """Beat, in the virtual thread that asks."""
        renewed: bool = await self._network.request(self._process, "beat", partial(self.inner.beat, worker_id, lease))
        return renewed


class Request(NamedTuple):
    """One operation that a process asks for.

    Attributes:
        call: The operation, ready to be called.
        how: Whether it comes ``late``, when the process has given it up, or ``once more``.
    """

    process: Process
    operation: str
    call: Callable[[], Any]
    how: str = ""

    def again(self, how: str) -> Request:
        """Return the same request as it comes in another way."""
        return self._replace(how=how)

    @property
    def is_late(self) -> bool:
        """Whether the process has given it up."""
        return self.how == "late"

    @property
    def args(self) -> tuple[Any, ...]:
        """What the operation is called with."""
        return getattr(self.call, "args", ())

    @property
    def keywords(self) -> dict[str, Any]:
        """What the operation is called with by name."""
        return getattr(self.call, "keywords", {})


@final
class Network:
    """Carries requests, by the weather of the plan."""

    def __init__(self, world: World, store: Store) -> None:
        self.store = store
        self._world = world
        self._weather = world.plan.weather
        self._dice = world.dice("network")

    async def request(self, process: Process, operation: str, call: Callable[[], Any]) -> Any:
        """Have *call* done where the store is, and return what it answers."""
        answer = asyncio.get_running_loop().create_future()
        if process.alive:  # else it has died in the middle of the callback that still runs
            self._send(Request(process, operation, call), answer)
        return await answer

    def tells_of_changes(self, process: Process) -> bool:
        """Whether the store can tell a process of changes at the moment; it promises nothing.

        Raises:
            StoreError: If it is out of reach.
        """
        if self._world.is_calm:
            return True
        if self._is_dark(process) or self._dice.random() < self._weather.refused:
            raise StoreError("changed refused")
        return self._dice.random() >= self._weather.lost

    def _send(self, request: Request, answer: asyncio.Future[Any]) -> None:
        world, weather, roll = self._world, self._weather, self._dice.random
        is_calm = world.is_calm or request.operation == "close"
        arrives = self._delay(is_calm=is_calm)
        if is_calm:
            world.after(arrives, self._do, request, answer)
        elif self._is_dark(request.process) or roll() < weather.refused:
            self._fail(request, answer, arrives, "refused")
        elif roll() < weather.late:
            self._fail(request, answer, arrives, "late")
            world.after(arrives + self._slowness(), self._do, request.again("late"), None)
        else:
            has_answer = roll() >= weather.lost
            world.after(arrives, self._do, request, answer if has_answer else None)
            if not has_answer:
                self._fail(request, answer, arrives + self._delay(is_calm=is_calm), "lost")
            if request.operation == "commit" and roll() < weather.twice:
                world.after(arrives + self._slowness(), self._do, request.again("once more"), None)

    def _delay(self, *, is_calm: bool) -> float:
        delay = self._dice.expovariate(1.0) * self._weather.latency
        if not is_calm and self._weather.slow and self._dice.random() < self._weather.slow:
            delay += self._slowness()
        return delay

    def _slowness(self) -> float:
        return min(self._dice.expovariate(1.0) * 0.4, _LATEST) * self._world.plan.lease

    def _is_dark(self, process: Process) -> bool:
        now = self._world.elapsed
        return any(
            dark.start <= now < dark.end and dark.seat in {None, process.seat_number}
            for dark in self._world.plan.darknesses
        )

    def _fail(self, request: Request, answer: asyncio.Future[Any], delay: float, how: str) -> None:
        self._world.note(request.process.name, f"{request.operation} {how}")
        self._world.counts[how] += 1
        self._world.after(delay, _answer, answer, None, StoreError(f"{request.operation} {how}"))

    def _do(self, request: Request, answer: asyncio.Future[Any] | None) -> None:
        """The request has arrived."""
        world = self._world
        world.counts[request.how or "requests"] += 1
        if not request.process.alive and self._dice.random() < 0.5:
            return  # it was lost with the connection
        result: Any = None
        error: StoreError | None = None
        try:
            result = come_to(request.call())
        except StoreError as problem:
            error = problem
        except Exception as problem:  # noqa: BLE001 - a store that was tampered with
            world.violate(f"the store fails at {request.operation}: {problem!r}")
            return
        world.note(request.process.name, f"{request.how} {request.operation}".lstrip(), (error or result,))
        if error is None:
            world.ledger.see(request, result)
        if answer is not None:
            world.after(self._delay(is_calm=world.is_calm), _answer, answer, result, error)


def come_to(result: Any) -> Any:
    """Return what a coroutine that waits for nothing comes to."""
    if not asyncio.iscoroutine(result):
        return result
    try:
        result.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a store in memory waits for nothing")


def _answer(answer: asyncio.Future[Any], result: Any, error: StoreError | None) -> None:
    answer.get_loop().call_soon_threadsafe(_resolve, answer, result, error)


def _resolve(answer: asyncio.Future[Any], result: Any, error: StoreError | None) -> None:
    if answer.done():
        return  # nobody waits any more
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
