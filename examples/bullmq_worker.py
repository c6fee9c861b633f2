"""The reference page's first pattern on BullMQ: a job has a collateral's name and a payload, and survives restarts.

```
export REDIS_URL=redis://localhost:6379        # Redis or Valkey; with appendonly yes, if jobs are to survive it
python examples/bullmq_worker.py add france spain
python examples/bullmq_worker.py work          # Ctrl-C, SIGTERM or kill -9 at any time; start several; start again
```

Each deck is made card by card. What was done stands in ``decks.db``, and is not done again, whichever worker gets the
job next; without a store, as in ``work --no-store``, it stands in the job itself. A producer or a worker in Node uses
the same queue: ``queue.add('cns-stimulation', {collateralName: 'importStarted', payload: {import_id: 'italy'}})``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from dataclasses import dataclass

from cnstra import CNS, Axon, CNSPersistOptionsRegistry, DurableRunner, Signal, collateral, neuron
from cnstra.core.context import HandlerContext
from cnstra.workers import BrokerWorker, stimulation_job
from cnstra.workers.bullmq import create_worker, enqueue, open_queue

REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379")
QUEUE = os.environ.get("QUEUE", "decks")
LOCK = float(os.environ.get("LOCK", "10"))
PAUSE = float(os.environ.get("PAUSE", "1"))
CARDS = 3


@dataclass(frozen=True, slots=True)
class ImportStarted:
    """Somebody wants a deck."""

    import_id: str


@dataclass(frozen=True, slots=True)
class DeckCreated:
    """There is a deck, with so many cards."""

    deck_id: str
    cards: int = 0


class DeckAxon(Axon):
    """What the deck neuron tells."""

    deck_created = collateral(DeckCreated)


class CardAxon(Axon):
    """What the card neuron tells."""

    deck_filled = collateral(DeckCreated)


import_started = collateral(ImportStarted)
deck_neuron = neuron(DeckAxon)
card_neuron = neuron(CardAxon)
ui_neuron = neuron({})


@deck_neuron.dendrite(import_started)
async def open_deck(started: ImportStarted, axon: DeckAxon) -> Signal[DeckCreated]:
    """Make a deck."""
    await say(f"{started.import_id}: open")
    return axon.deck_created.create_signal(DeckCreated(started.import_id))


@card_neuron.dendrite(DeckAxon.deck_created)
@card_neuron.dendrite(CardAxon.deck_filled)
async def add_card(deck: DeckCreated, axon: CardAxon, ctx: HandlerContext[None, None]) -> Signal[DeckCreated] | None:
    """Add one card, and go on until there are enough."""
    if deck.cards == CARDS:
        return None
    await say(f"{deck.deck_id}: card {deck.cards + 1}, attempt {ctx.attempt_number}")
    return axon.deck_filled.create_signal(DeckCreated(deck.deck_id, deck.cards + 1))


@ui_neuron.dendrite(CardAxon.deck_filled)
async def show(deck: DeckCreated) -> None:
    """Tell of a deck that is complete."""
    if deck.cards == CARDS:
        await say(f"{deck.deck_id}: complete")


async def say(text: str) -> None:
    """Print what is done, which takes a while."""
    print(text, flush=True)
    await asyncio.sleep(PAUSE)


cns = CNS([deck_neuron, card_neuron, ui_neuron])
registry = CNSPersistOptionsRegistry()
registry.register("deckNeuron", deck_neuron).register("cardNeuron", card_neuron).register("uiNeuron", ui_neuron)
registry.register_collateral("importStarted", import_started)


def make_worker(*, with_store: bool = True) -> BrokerWorker:
    """Return a worker on the queue; `cnstra worker` takes this function, too."""
    if with_store:
        runner = DurableRunner(cns, registry, "sqlite:///decks.db", max_active_runs=0)
        return create_worker(QUEUE, runner, connection=REDIS_URL, lock_duration=LOCK)
    return create_worker(QUEUE, cns=cns, registry=registry, connection=REDIS_URL, lock_duration=LOCK)


async def add(*names: str) -> None:
    """Add a job for each deck; one that is there already is not added again."""
    async with open_queue(QUEUE, connection=REDIS_URL) as queue:
        for name in names:
            job = stimulation_job(registry, import_started.create_signal(ImportStarted(name)))
            print("added", await enqueue(queue, job, job_id=f"import-{name}", attempts=3))


def main(command: str = "", *arguments: str) -> None:
    """Add jobs, or work on them."""
    logging.basicConfig(level=logging.WARNING)
    if command == "add":
        asyncio.run(add(*arguments))
    elif command == "work":
        asyncio.run(make_worker(with_store="--no-store" not in arguments).serve())
    else:
        print(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
