"""State persistence and resume by hand: the registry, and three patterns that survive a restart.

``python examples/reference_page.py`` runs them all. `DurableRunner` does the whole of it by itself; these patterns are
for programs that have their own broker or their own tables, and only need names in place of objects.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from cnstra import (
    CNS,
    Axon,
    CNSPersistOptionsRegistry,
    CNSStimulationContextStore,
    HandlerContext,
    NeuronEntry,
    Signal,
    Stimulation,
    StimulationAborted,
    StimulationFailed,
    collateral,
    create_persist_registry,
    neuron,
    with_ctx,
)
from cnstra.persist import ProgressSerializer

TABLES = """
    CREATE TABLE IF NOT EXISTS jobs (
        id INTEGER PRIMARY KEY, collateral_name TEXT, version INTEGER, payload BLOB, done INTEGER DEFAULT 0);
    CREATE TABLE IF NOT EXISTS stimulations (
        id TEXT PRIMARY KEY, collateral_name TEXT, version INTEGER, payload BLOB, status TEXT);
"""


def open_tables(path: Path) -> sqlite3.Connection:
    """Open the program's own database: each statement is a transaction."""
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript(TABLES)
    return database


# ---- Setup: a graph, and stable names for its neurons and collaterals ------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImportStarted:
    """Somebody wants an import."""

    import_id: str


@dataclass(frozen=True, slots=True)
class Deck:
    """A deck of cards."""

    deck_id: str


class DeckAxon(Axon):
    """What becomes of a deck."""

    deck_created = collateral(Deck)
    deck_archived = collateral(Deck)


class CardAxon(Axon):
    """What becomes of its cards."""

    cards_added = collateral(Deck)


class Library:
    """Where the cards come from: slow, and out of order for the first few requests."""

    def __init__(self, *, delay: float = 0.0, outages: int = 0) -> None:
        self.delay = delay
        self.outages = outages
        self.imported: list[str] = []

    async def fetch(self, deck_id: str) -> None:
        """Get the cards of a deck."""
        await asyncio.sleep(self.delay)
        if self.outages:
            self.outages -= 1
            raise ConnectionError(f"no answer for {deck_id}")
        self.imported.append(deck_id)


import_started = collateral(ImportStarted)  # the entry point: no neuron emits it

deck_neuron = neuron(DeckAxon).bind(
    {"import_started": import_started},
    {"import_started": lambda started, axon: axon.deck_created.create_signal(Deck(started.import_id))},
)
card_neuron = with_ctx(int).neuron(CardAxon)  # its context value: how often it has asked for the cards
ui_neuron = neuron({})


@card_neuron.dendrite(DeckAxon.deck_created)
async def add_cards(deck: Deck, axon: CardAxon, ctx: HandlerContext[int, Library]) -> Signal[Deck]:
    """Fetch the cards of a new deck."""
    ctx.set((ctx.get() or 0) + 1)
    await ctx.global_.fetch(deck.deck_id)
    return axon.cards_added.create_signal(deck)


@ui_neuron.dendrite(CardAxon.cards_added)
def show(deck: Deck) -> None:
    """Tell the user."""
    print(f"    {deck.deck_id} is ready")


# Each file registers what it defines. The collaterals of an axon are named by their keys, or as the mapping says.
registry = CNSPersistOptionsRegistry()
registry.register(
    "deckNeuron", deck_neuron, {"deck_created": "deckCreated", "deck_archived": "deckArchived"}
).register_collateral("importStarted", import_started)
registry.register("cardNeuron", card_neuron, {"cards_added": "cardsAdded"}).register("uiNeuron", ui_neuron)


def make_registry() -> CNSPersistOptionsRegistry:
    """Return the same registry in one go, for graphs whose neurons are all in one place."""
    return create_persist_registry(
        {
            "deckNeuron": NeuronEntry(deck_neuron, {"deck_created": "deckCreated", "deck_archived": "deckArchived"}),
            "cardNeuron": NeuronEntry(card_neuron, {"cards_added": "cardsAdded"}),
            "uiNeuron": ui_neuron,
        }
    ).register_collateral("importStarted", import_started)


def make_cns(library: Library) -> CNS[Library]:
    """Build the graph."""
    return CNS([deck_neuron, card_neuron, ui_neuron], global_=library)


def to_row(signal: Signal[ImportStarted]) -> tuple[str, int, bytes]:
    """Return a signal as name, version and JSON: what a job or a record holds of it."""
    name = registry.require_collateral_name(signal.collateral)
    return name, *registry.encode_payload(signal.collateral, signal.payload)


def from_row(name: str, version: int, payload: bytes) -> Signal[object]:
    """Return the signal that a row was made of, in whatever process this is."""
    found = registry.get_collateral(name)
    if found is None:
        raise LookupError(f"unknown collateral: {name}")
    return found.create_signal(registry.decode_payload(found, version, payload))


# ---- Pattern 1: jobs that carry the name of a signal -----------------------------------------------------------------


def enqueue(database: sqlite3.Connection, signal: Signal[ImportStarted]) -> None:
    """Put a job in the queue."""
    database.execute("INSERT INTO jobs (collateral_name, version, payload) VALUES (?, ?, ?)", to_row(signal))


async def work(database: sqlite3.Connection, cns: CNS[Library]) -> None:
    """Do the jobs that are not done; one that a dead worker had in hand is among them, and starts again."""
    while job := database.execute(
        "SELECT id, collateral_name, version, payload FROM jobs WHERE NOT done ORDER BY id"
    ).fetchone():
        stimulation = cns.stimulate(from_row(*job[1:]))
        await stimulation.wait_until_complete()
        database.execute("UPDATE jobs SET done = 1 WHERE id = ?", job[:1])


def count_done(database: sqlite3.Connection) -> int:
    """Return how many jobs are done."""
    return int(database.execute("SELECT count(*) FROM jobs WHERE done").fetchone()[0])


def pattern_1(path: Path, jobs: int = 6) -> int:
    """Kill a worker when half of its jobs are done, and start another; return how many jobs were done at the kill."""
    database = open_tables(path)
    for number in range(jobs):
        enqueue(database, import_started.create_signal(ImportStarted(f"import-{number}")))
    command = [sys.executable, __file__, "work", str(path)]
    with subprocess.Popen(command) as worker:
        while count_done(database) < jobs // 2 and worker.poll() is None:
            time.sleep(0.01)
        worker.kill()
    done = count_done(database)
    print(f"    killed when {done} of {jobs} jobs were done; the next worker does the rest")
    subprocess.run(command, check=True)
    database.close()
    return done


# ---- Pattern 2: a record of each run, so that a stale one is found ---------------------------------------------------


async def start(
    database: sqlite3.Connection, cns: CNS[Library], signal: Signal[ImportStarted], stimulation_id: str | None = None
) -> str:
    """Run *signal* with a record of its start and of its end; return the status that it came to."""
    stimulation_id = stimulation_id or f"stim-{uuid4()}"
    database.execute("INSERT INTO stimulations VALUES (?, ?, ?, ?, 'running')", (stimulation_id, *to_row(signal)))
    return await finish(database, stimulation_id, cns.stimulate(signal))


async def finish(database: sqlite3.Connection, stimulation_id: str, stimulation: Stimulation) -> str:
    """Wait for a run, and write down how it ended."""
    registry.add_stimulation(stimulation, stimulation_id=stimulation_id)  # registry.get_stimulation(id) finds it now
    try:
        await stimulation.wait_until_complete()
        status = "done"
    except (StimulationFailed, StimulationAborted):
        status = "failed"
    finally:
        registry.remove_stimulation(stimulation_id)
    database.execute("UPDATE stimulations SET status = ? WHERE id = ?", (status, stimulation_id))
    return status


async def restart_stale(database: sqlite3.Connection, cns: CNS[Library]) -> list[str]:
    """Start the runs again that a dead process has left as running; return their ids. Call it once, at start-up."""
    query = "SELECT id, collateral_name, version, payload FROM stimulations WHERE status = 'running'"
    stale = [row for row in database.execute(query).fetchall() if registry.get_collateral(row[1])]
    await asyncio.gather(*(finish(database, row[0], cns.stimulate(from_row(*row[1:]))) for row in stale))
    return [row[0] for row in stale]


async def pattern_2(path: Path) -> list[str]:
    """Complete one run, leave the record of another as a crash does, and find it again."""
    database, cns = open_tables(path), make_cns(Library())
    await start(database, cns, import_started.create_signal(ImportStarted("import-completed")))
    lost = import_started.create_signal(ImportStarted("import-lost"))
    database.execute("INSERT INTO stimulations VALUES ('stim-lost', ?, ?, ?, 'running')", to_row(lost))
    restarted = await restart_stale(database, cns)
    database.close()
    return restarted


# ---- Pattern 3: the context goes on with the run ---------------------------------------------------------------------


async def pattern_3() -> tuple[int | None, int]:
    """Fail, store the context values, and start the signal again with them; return the count before and after."""
    cns = make_cns(Library(outages=1))
    signal = import_started.create_signal(ImportStarted("import-flaky"))
    ctx = CNSStimulationContextStore(registry)
    saved = ""
    try:
        await cns.stimulate(signal, ctx=ctx)
    except StimulationFailed:
        saved = json.dumps(ctx.serialize())  # {"cardNeuron": 1}

    restored = CNSStimulationContextStore(registry)
    restored.restore(json.loads(saved))
    await cns.stimulate(signal, ctx=restored)
    return ctx.get(card_neuron), restored.get(card_neuron)


async def pattern_3_from_the_frontier() -> tuple[str, int]:
    """Fail, store context *and* frontier, and go on with what was not done; return what was stored, and the count."""
    cns = make_cns(Library(outages=1))
    serializer = ProgressSerializer(registry)
    stimulation = cns.stimulate(import_started.create_signal(ImportStarted("import-resumed")))
    saved = ""
    try:
        await stimulation
    except StimulationFailed:
        saved = json.dumps(serializer.serialize(stimulation))

    progress = serializer.hydrate(json.loads(saved))
    resumed = cns.activate(progress.tasks, ctx=progress.ctx)  # the deck is not created again
    await resumed
    return saved, progress.ctx.get(card_neuron)


def main(arguments: list[str]) -> None:
    """Run every pattern; ``work PATH`` is the worker of pattern 1."""
    if arguments[:1] == ["work"]:
        asyncio.run(work(open_tables(Path(arguments[1])), make_cns(Library(delay=0.1))))
        return
    same = make_registry()
    print("Setup:", *(f"{name} -> {same.get_neuron(name)!r}" for name in ("deckNeuron", "cardNeuron", "uiNeuron")))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "own.db")
        print("Pattern 1: a queue of named signals", flush=True)
        pattern_1(path)
        print("Pattern 2: records of runs")
        print("    started again:", *asyncio.run(pattern_2(path)))
    print("Pattern 3: context values that go on")
    print("    asked for the cards:", asyncio.run(pattern_3()))
    print("    stored:", asyncio.run(pattern_3_from_the_frontier())[0])


if __name__ == "__main__":
    main(sys.argv[1:])
