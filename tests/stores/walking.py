"""A run that pays step by step into the user's own table, and may take its process with it half-way."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from typing import Any, NoReturn

from psycopg import sql

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, Signal, collateral, neuron

__all__ = ["STEPS", "Step", "Walk"]

STEPS = 6
DIES_AT = 4


@dataclass(frozen=True, slots=True)
class Step:
    number: int


class Walk:
    """A graph of one neuron that feeds itself, with the runner for it.

    Args:
        store: The address of the store.
        schema: Where the table ``ledger`` is.
        is_doomed: Whether the process dies within step 4, after it has paid.
    """

    def __init__(self, store: str, schema: str, *, is_doomed: bool = False) -> None:
        self.walked: list[int] = []
        self._is_doomed = is_doomed
        self._ledger = sql.Identifier(schema, "ledger")
        self._step = collateral(Step, name="step")
        walker = neuron({"step": self._step}, name="walker").dendrite(self._step, self._walk, transactional=True)
        registry = CNSPersistOptionsRegistry().register("walker", walker)
        self.runner = DurableRunner(CNS([walker]), registry, store)
        self.start = self._step.create_signal(Step(1))

    async def _walk(self, step: Step, axon: Any, ctx: Any) -> Signal[Step] | None:
        statement = sql.SQL("INSERT INTO {} VALUES (%s)").format(self._ledger)
        await ctx.connection.execute(statement, (f"step {step.number}",))
        if self._is_doomed and step.number == DIES_AT:
            os._exit(3)
        self.walked.append(step.number)
        return self._step.create_signal(Step(step.number + 1)) if step.number < STEPS else None


async def walk_and_die(store: str, schema: str) -> NoReturn:
    walk = Walk(store, schema, is_doomed=True)
    async with walk.runner as runner:
        await (await runner.stimulate(walk.start, stimulation_id="walk"))
    sys.exit("it has survived")


if __name__ == "__main__":
    asyncio.run(walk_and_die(*sys.argv[1:]))
