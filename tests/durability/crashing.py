"""A process that dies at a chosen store operation, without a process."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal, TypeVar

from cnstra.errors import StoreError
from cnstra.persist.ports import Store
from tests.durability.wrapping import StoreWrapper

T = TypeVar("T")
When = Literal["before", "after"]


class CrashingStore(StoreWrapper):
    """A store whose process dies at operation number *at*: no call of it comes back any more.

    Args:
        inner: The real store.
        at: Which operation, counted from 1; 0 for none.
        when: ``before``: the operation is not done; ``after``: it is done, and the answer is lost.
    """

    def __init__(self, inner: Store, at: int = 0, when: When = "before") -> None:
        super().__init__(inner)
        self._at = at
        self._when = when
        self.operations: list[str] = []
        self.crashed = asyncio.Event()

    async def around(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        if self.crashed.is_set():
            await _never()
        self.operations.append(operation)
        if len(self.operations) != self._at:
            return await call()
        if self._when == "after":
            await call()
        self.crashed.set()
        await _never()
        raise AssertionError("nobody comes back")

    def beat(self, worker_id: str, lease: float) -> bool:
        if self.crashed.is_set():
            raise StoreError("this process is dead")
        return super().beat(worker_id, lease)


async def _never() -> None:
    await asyncio.get_running_loop().create_future()


_graveyard: list[object] = []
"""The tasks of dead processes: a task that is collected runs its `finally` blocks, and the dead do not do that."""


def live(store: CrashingStore, life: Callable[[Store], Coroutine[Any, Any, None]]) -> bool:
    """Run *life* in an event loop of its own, to its end or until *store* crashes; tell whether it came to its end."""
    loop = asyncio.new_event_loop()
    work = loop.create_task(life(store))
    crash = loop.create_task(store.crashed.wait())
    loop.run_until_complete(asyncio.wait({work, crash}, return_when=asyncio.FIRST_COMPLETED))
    finished = work.done()
    if finished:
        crash.cancel()
        loop.run_until_complete(asyncio.wait({crash}))
    else:
        loop.run_until_complete(store.inner.close())  # the connections go with their process
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is expected here
            _graveyard.append(task)
    loop.close()
    if finished:
        work.result()
    return finished
