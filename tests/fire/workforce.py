"""The workers of one store: as many as there are places, whatever happens to them."""

from __future__ import annotations

import asyncio
import signal
from typing import Any, Final, final

from tests.fire.backends import Backend
from tests.fire.crew import Crew, Member
from tests.fire.working import CANNOT_BEGIN

__all__ = ["Workforce"]

_ENDS: Final = (-signal.SIGKILL, CANNOT_BEGIN)
"""Those that a worker may come to; it does not end by itself, except that it may need the store to begin with."""


@final
class Workforce:
    """Keeps every place filled.

    Args:
        crew: Starts the processes.
        role: What they do; see `Crew.start`.
        backend: Where they work.
        places: How many there are.
        arguments: Of the role, besides the address of the store.
    """

    def __init__(self, crew: Crew, role: str, backend: Backend, places: int, **arguments: Any) -> None:
        self._crew = crew
        self._role = role
        self._arguments = {"url": backend.url, **arguments}
        self._hired = 0
        self.workers: list[Member] = [self._hire() for _ in range(places)]

    def kill(self, place: int) -> None:
        """Kill the worker at *place* and start another one."""
        self.workers[place].kill()
        self._replace(place)

    async def supervise(self) -> None:
        """Replace whoever could not begin, until this is cancelled."""
        while True:
            await asyncio.sleep(0.05)
            for place, worker in enumerate(self.workers):
                if worker.has_ended:
                    self._replace(place)

    async def send_home(self) -> None:
        """Ask all to end, and see that they do."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            status = await worker.ended()
            assert status == -signal.SIGTERM, f"a worker ended with {status}:\n{self._crew.said()[-4000:]}"

    def _replace(self, place: int) -> None:
        status = self.workers[place].reap()
        assert status in _ENDS, f"a worker ended with {status}:\n{self._crew.said()[-4000:]}"
        self.workers[place] = self._hire()

    def _hire(self) -> Member:
        """Start a worker: every other one has a given name, every third one does not notice that its lease is lost."""
        self._hired += 1
        named = {"worker_id": f"worker-{self._hired}"} if self._hired % 2 else {}
        return self._crew.start(self._role, **self._arguments, careless=self._hired % 3 == 0, **named)
