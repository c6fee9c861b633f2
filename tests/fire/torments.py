"""What is done to workers and servers while they work."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Final, Protocol, final

from tests.fire.crew import Member
from tests.fire.workforce import Workforce
from tests.fire.working import LEASE
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Proxy
from tests.servers.redis import RedisServer

__all__ = ["Cuts", "Killer", "Outages", "Together", "Torment"]


_MOST_STANDING: Final = 2


class Torment(Protocol):
    """Does harm until it is cancelled."""

    @property
    def toll(self) -> Counter[str]:
        """What it has done, and how often."""
        ...

    async def rage(self, workforce: Workforce) -> None:
        """Do harm; when this is cancelled, everything is left in working order."""


@final
class Killer:
    """Kills workers, and stops them: some of these for longer than their lease, so that they come back as zombies.

    Args:
        seed: Of everything that it decides.
        pause: Least and most seconds between two deeds.
    """

    def __init__(self, seed: int, pause: tuple[float, float] = (0.08, 0.32)) -> None:
        self.toll: Counter[str] = Counter(kills=0, stops=0, zombies=0)
        self._dice = random.Random(seed)
        self._pause = pause
        self._standing: set[Member] = set()

    async def rage(self, workforce: Workforce) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                await asyncio.sleep(self._dice.uniform(*self._pause))
                place = self._dice.randrange(len(workforce.workers))
                victim = workforce.workers[place]
                if victim in self._standing and self._dice.random() < 0.9:
                    continue  # most of them are to come back
                if len(self._standing) < _MOST_STANDING and self._dice.random() < 0.6:
                    group.create_task(self._stop(victim, LEASE * self._dice.choice((0.5, 1.5, 2.5))))
                else:
                    workforce.kill(place)
                    self.toll["kills"] += 1

    async def _stop(self, victim: Member, seconds: float) -> None:
        victim.stop()
        self._standing.add(victim)
        self.toll["stops"] += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self.toll["zombies"] += seconds > LEASE and not victim.has_ended
            victim.wake()
            self._standing.discard(victim)


@final
class Outages:
    """Lets the server crash, and starts it again.

    Args:
        server: What crashes.
        seed: Of everything that is left to chance.
        times: After so many crashes it is left in peace.
    """

    def __init__(self, server: PostgresServer | RedisServer, seed: int, times: int) -> None:
        self.toll: Counter[str] = Counter(outages=0)
        self._server = server
        self._dice = random.Random(seed)
        self._times = times

    async def rage(self, workforce: Workforce) -> None:
        while self.toll["outages"] < self._times:
            await asyncio.sleep(self._dice.uniform(0.2, 1.0))
            self._crash()
            try:
                await asyncio.sleep(LEASE * self._dice.choice((0.0, 0.3, 1.5)))
            finally:
                self._server.start()
            self.toll["outages"] += 1

    def _crash(self) -> None:
        if isinstance(self._server, PostgresServer):
            self._server.stop(immediate=True)
        else:
            self._server.kill()


@final
class Cuts:
    """Breaks all connections to the server, some of them while the answers to commits are on their way.

    Args:
        proxy: What the workers have their connections through.
        seed: Of everything that is left to chance.
    """

    def __init__(self, proxy: Proxy, seed: int) -> None:
        self.toll: Counter[str] = Counter(cuts=0, lost_answers=0)
        self._proxy = proxy
        self._dice = random.Random(seed)

    async def rage(self, workforce: Workforce) -> None:
        try:
            while True:
                await asyncio.sleep(self._dice.uniform(0.05, 0.5))
                if self._dice.random() < 0.6:  # what is committed now is committed, and nobody is told
                    self._proxy.loses_answers = True
                    self.toll["lost_answers"] += 1
                    await asyncio.sleep(self._dice.uniform(0.005, 0.1))
                self._cut()
                self.toll["cuts"] += 1
        finally:
            self._cut()

    def _cut(self) -> None:
        """Break what has lost something: a network either gets bytes through or breaks the connection."""
        self._proxy.cut()
        self._proxy.heal()


@final
class Together:
    """Several torments at the same time."""

    def __init__(self, *torments: Torment) -> None:
        self._torments = torments

    @property
    def toll(self) -> Counter[str]:
        """What all of them have done."""
        return sum((torment.toll for torment in self._torments), Counter())

    async def rage(self, workforce: Workforce) -> None:
        async with asyncio.TaskGroup() as group:
            for torment in self._torments:
                group.create_task(torment.rage(workforce))
