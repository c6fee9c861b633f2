"""The import as a graph: open a deck, read it, write and index each card, close the deck when all are in.

A handler may be started twice, for a crash can come between what it did and the commit of its hop. So a card is written
under `ctx.activation_id`, which is the same both times, and every other write may be repeated as it is.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from pathlib import Path

from cnstra import CNS, Axon, HandlerContext, Signal, collateral, create_persist_registry, with_global

from .cards import CardDatabase
from .rows import Card, read_deck

__all__ = ["Desk", "ImportStarted", "import_started", "make_cns", "registry"]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the handlers work with: the object that each of them finds in `ctx.global_`.

    Attributes:
        pace: How long one card is made to take, in seconds; 0 for an import in earnest.
    """

    cards: CardDatabase
    pace: float = 0.0


@dataclass(frozen=True, slots=True)
class ImportStarted:
    """Somebody wants the file at *path* as a deck."""

    deck: str
    path: str


@dataclass(frozen=True, slots=True)
class DeckCounted:
    """A file was read; this many of its rows are cards."""

    deck: str
    total: int


@dataclass(frozen=True, slots=True)
class CardInDeck:
    """A card on its way into a deck."""

    deck: str
    card: Card


@dataclass(frozen=True, slots=True)
class Tally:
    """What the closer knows of its deck so far; it is stored with each of its hops."""

    indexed: int = 0
    total: int | None = None


class DeckAxon(Axon):
    """The deck is open."""

    deck_opened = collateral(ImportStarted)


class ReaderAxon(Axon):
    """The rows of the file."""

    deck_counted = collateral(DeckCounted)
    card_found = collateral(CardInDeck)


class WriterAxon(Axon):
    """A card is in the database."""

    card_written = collateral(CardInDeck)


class IndexerAxon(Axon):
    """A card can be found."""

    card_indexed = collateral(CardInDeck)


class CloserAxon(Axon):
    """All cards are in."""

    deck_filled = collateral(str)


import_started = collateral(ImportStarted)

at_desk = with_global(Desk)
deck = at_desk.neuron(DeckAxon)
reader = at_desk.neuron(ReaderAxon)
writer = at_desk.neuron(WriterAxon, concurrency=4)
indexer = at_desk.neuron(IndexerAxon)
closer = at_desk.with_ctx(Tally).neuron(
    CloserAxon, concurrency=1
)  # one at a time, for it reads its tally and writes it
summary = at_desk.neuron({})

registry = create_persist_registry(
    {"deck": deck, "reader": reader, "writer": writer, "indexer": indexer, "closer": closer, "summary": summary}
).register_collateral("import_started", import_started)


@deck.dendrite(import_started, in_thread=True)
def open_deck(started: ImportStarted, axon: DeckAxon, ctx: HandlerContext[None, Desk]) -> Signal[ImportStarted]:
    """Make the deck."""
    cards = ctx.global_.cards
    cards.log_execution(ctx.activation_id, "deck")
    cards.add_deck(ctx.activation_id, started.deck, started.path)
    return axon.deck_opened.create_signal(started)


@reader.dendrite(DeckAxon.deck_opened, in_thread=True)
def read_rows(opened: ImportStarted, axon: ReaderAxon, ctx: HandlerContext[None, Desk]) -> list[Signal[object]]:
    """Check every row: a bad one goes to the report, a good one on its way as a card."""
    cards = ctx.global_.cards
    cards.log_execution(ctx.activation_id, "reader")
    found = read_deck(Path(opened.path))
    cards.add_bad_rows(opened.deck, found.bad_rows)
    return [
        axon.deck_counted.create_signal(DeckCounted(opened.deck, len(found.cards))),
        *(axon.card_found.create_signal(CardInDeck(opened.deck, card)) for card in found.cards),
    ]


@writer.dendrite(ReaderAxon.card_found, in_thread=True)
def write_card(found: CardInDeck, axon: WriterAxon, ctx: HandlerContext[None, Desk]) -> Signal[CardInDeck]:
    """Write one card, once: the activation id is the idempotency key."""
    desk = ctx.global_
    desk.cards.log_execution(ctx.activation_id, "writer")
    before = random.uniform(0, desk.pace)  # the slow part comes before and after the write: a kill may hit either side
    time.sleep(before)
    desk.cards.add_card(ctx.activation_id, found.deck, found.card)
    time.sleep(desk.pace - before)
    return axon.card_written.create_signal(found)


@indexer.dendrite(WriterAxon.card_written, in_thread=True)
def index_card(written: CardInDeck, axon: IndexerAxon, ctx: HandlerContext[None, Desk]) -> Signal[CardInDeck]:
    """File the card under its tags."""
    cards = ctx.global_.cards
    cards.log_execution(ctx.activation_id, "indexer")
    cards.add_tags(written.deck, written.card)
    return axon.card_indexed.create_signal(written)


@closer.dendrite(ReaderAxon.deck_counted, in_thread=True)
def expect_cards(counted: DeckCounted, axon: CloserAxon, ctx: HandlerContext[Tally, Desk]) -> Signal[str] | None:
    """Learn how many cards there will be."""
    ctx.global_.cards.log_execution(ctx.activation_id, "closer")
    return close_if_full(counted.deck, replace(ctx.get() or Tally(), total=counted.total), axon, ctx)


@closer.dendrite(IndexerAxon.card_indexed, in_thread=True)
def count_card(indexed: CardInDeck, axon: CloserAxon, ctx: HandlerContext[Tally, Desk]) -> Signal[str] | None:
    """Count one more card; the count is committed with this hop, so that no crash can count it twice or lose it."""
    ctx.global_.cards.log_execution(ctx.activation_id, "closer")
    tally = ctx.get() or Tally()
    return close_if_full(indexed.deck, replace(tally, indexed=tally.indexed + 1), axon, ctx)


def close_if_full(name: str, tally: Tally, axon: CloserAxon, ctx: HandlerContext[Tally, Desk]) -> Signal[str] | None:
    """Keep *tally*; with the last card the deck is full."""
    ctx.set(tally)
    return axon.deck_filled.create_signal(name) if tally.indexed == tally.total else None


@summary.dendrite(CloserAxon.deck_filled, in_thread=True)
def close_deck(name: str, axon: Axon, ctx: HandlerContext[None, Desk]) -> None:
    """Sum the deck up."""
    del axon  # the last step emits nothing
    cards = ctx.global_.cards
    cards.log_execution(ctx.activation_id, "summary")
    cards.close_deck(name)


def make_cns(desk: Desk) -> CNS[Desk]:
    """Build the graph around *desk*."""
    return CNS([deck, reader, writer, indexer, closer, summary], global_=desk)
