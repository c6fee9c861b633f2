"""Setting fire to a store: many runs, several workers, and something that torments them all the time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import final

from cnstra import DurableRunner, open_store
from tests.fire.backends import Backend
from tests.fire.crew import Crew
from tests.fire.effects import Effects
from tests.fire.graph import FireGraph, run_id_of, shape_of
from tests.fire.patience import patiently, until
from tests.fire.scale import SCALE
from tests.fire.torments import Torment
from tests.fire.verdict import Evidence, gather, judge
from tests.fire.workforce import Workforce

__all__ = ["Fire", "Plan", "Toll"]


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """How a fire burns.

    Attributes:
        runs: How many there are.
        workers: How many work at once.
        open_runs: How many runs may be waiting or under way, so that there is work until the end.
        pause: For how many seconds a handler that waits does so at most.
        patience: After so many seconds everything must be over.
    """

    runs: int
    workers: int = 4
    open_runs: int = 40
    pause: float = 1.0
    patience: float = SCALE.patience


@final
@dataclass(slots=True)
class Toll:
    """What a fire came to.

    Attributes:
        backend: Where it burned.
        harm: What was done to workers and servers, and how often.
        runs: How many there were, by their final status.
        hops: Activations that settled, and whose outcome was committed.
        repeated: Calls of handlers whose outcome was not committed, so that they were called again.
        attempts: Of all runs together.
        most_attempts: Of one run.
        fenced: Runs that a worker went on with although it had lost them, until a commit was refused.
        seconds: How long it burned.
    """

    backend: str
    harm: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    hops: int = 0
    repeated: int = 0
    attempts: int = 0
    most_attempts: int = 0
    fenced: int = 0
    seconds: float = 0.0

    @property
    def figures(self) -> dict[str, float]:
        """All of it, for the statistics."""
        own = {"hops": self.hops, "repeated": self.repeated, "attempts": self.attempts, "fenced": self.fenced}
        return {**self.runs, **self.harm, **own, "most_of_one": self.most_attempts, "seconds": self.seconds}


@final
class Fire:
    """One fire on one empty store.

    Args:
        backend: The store.
        crew: Starts the workers.
        folder: Where the traces go.
        plan: How it burns.
        torment: What is done meanwhile.
        workers_see: The store as the workers see it, if that is another way to the same one.
    """

    def __init__(
        self,
        backend: Backend,
        crew: Crew,
        folder: Path,
        plan: Plan,
        *,
        torment: Torment,
        workers_see: Backend | None = None,
    ) -> None:
        self._backend = backend
        self._workers_see = workers_see or backend
        self._crew = crew
        self._folder = folder
        self._plan = plan
        self._torment = torment
        self._run_ids = [run_id_of(number) for number in range(plan.runs)]

    async def burn(self) -> Toll:
        """Let it burn until every run is over, and judge.

        Raises:
            AssertionError: If a promise was broken.
            TimeoutError: If it is not over in time.
        """
        graph = FireGraph()
        started = time.monotonic()
        async with DurableRunner(graph.cns, graph.registry, self._backend.url, max_active_runs=0) as producer:
            workforce = self._hire()
            async with asyncio.timeout(self._plan.patience), self._tormented(workforce):
                await self._feed(producer, graph)
                await self._wait_until_over(producer)
            seconds = time.monotonic() - started
            await workforce.send_home()
        return await self._judge(seconds)

    def _hire(self) -> Workforce:
        return Workforce(
            self._crew,
            "tests.fire.working:keep_working",
            self._workers_see,
            self._plan.workers,
            folder=str(self._folder),
            pause=self._plan.pause,
            max_recoveries=None,  # whoever dies here does not die of a run
            max_active_runs=30,
        )

    @asynccontextmanager
    async def _tormented(self, workforce: Workforce) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            busy = [group.create_task(self._torment.rage(workforce)), group.create_task(workforce.supervise())]
            yield
            for one in busy:
                one.cancel()

    async def _feed(self, producer: DurableRunner, graph: FireGraph) -> None:
        """Store the runs, not faster than they are done."""
        for number, run_id in enumerate(self._run_ids):
            await until(partial(self._has_room, producer, number))
            await patiently(partial(producer.enqueue, graph.entry(run_id), stimulation_id=run_id))

    async def _has_room(self, producer: DurableRunner, number: int) -> bool:
        return number - sum(await self._over(producer)) < self._plan.open_runs

    async def _wait_until_over(self, producer: DurableRunner) -> None:
        failing = sum(shape_of(run_id).name == "failing" for run_id in self._run_ids)
        expected = (len(self._run_ids) - failing, failing)

        async def is_over() -> bool:
            return await self._over(producer) == expected

        await until(is_over)

    @staticmethod
    async def _over(producer: DurableRunner) -> tuple[int, int]:
        """Return how many runs have completed, and how many have failed."""
        runs = (await patiently(producer.stats)).runs
        return runs["completed"], runs["failed"]

    async def _judge(self, seconds: float) -> Toll:
        fenced = self._crew.said().count("was taken over by another worker")
        toll = Toll(self._backend.name, self._torment.toll, fenced=fenced, seconds=seconds)
        effects = Effects(self._folder)
        store = open_store(self._backend.url)
        await store.open()
        try:
            for evidence in await gather(store, effects, self._run_ids):
                judge(evidence)
                _count(toll, evidence)
        finally:
            await store.close()
            effects.close()
        return toll


def _count(toll: Toll, evidence: Evidence) -> None:
    run = evidence.state.run
    toll.runs[run.status] += 1
    toll.hops += len(evidence.history)
    toll.repeated += len(evidence.tries) - len(evidence.history)
    toll.attempts += run.attempt_number
    toll.most_attempts = max(toll.most_attempts, run.attempt_number)
