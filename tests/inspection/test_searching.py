"""Finding a text in runs, but no secret."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, StimulationFailed, collateral, neuron
from cnstra.inspection.declared import NO_SECRETS, DeclaredSecrets
from cnstra.inspection.details import Details
from cnstra.inspection.listing import RunFinder
from cnstra.inspection.reading import Reader
from cnstra.inspection.redacting import Redaction
from cnstra.inspection.sealing import Seal
from cnstra.inspection.searching import has_text, signal_has_text
from cnstra.inspection.views import Views
from cnstra.persist.records import RunFilter
from cnstra.stores import MemoryStore
from tests.devtools.shop import SECRET, Shop

REDACTION = Redaction()
DETAILS = Details(Views(REDACTION), REDACTION, NO_SECRETS, full=False)


async def _found(shop: Shop, text: str) -> list[str]:
    async with shop.runner(MemoryStore()) as runner:
        await (await runner.stimulate(shop.order(7, "wrap it"), stimulation_id="Order-1", metadata={"by": "Ada"}))
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(shop.order(8, "fail"), stimulation_id="order-2"))
        finder = RunFinder(Reader(runner.store, "", opens=False), Seal("secret", "runs"))
        matches = has_text(text, DETAILS)
        page = await finder.page(RunFilter(), prefix=None, neuron=None, matches=matches, limit=9, cursor=None)
        return [run.stimulation_id for run in page.runs]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ORDER-1", ["Order-1"]),
        ("Wrap it", ["Order-1"]),
        ("ada", ["Order-1"]),
        ("nothing left", ["order-2"]),
        ("OutOfStockError", ["order-2"]),
        ("ordered", ["order-2", "Order-1"]),
        ("elsewhere", []),
    ],
)
async def test_a_run_is_found_by_what_is_shown_of_it(shop: Shop, text: str, names: list[str]) -> None:
    assert await _found(shop, text) == names


async def test_a_secret_is_not_found_by_guessing(shop: Shop) -> None:
    assert await _found(shop, SECRET) == []


@dataclass
class Letter:
    text: str


async def _found_in_histories(text: str, *, secrets: DeclaredSecrets = NO_SECRETS) -> list[str]:
    """Look for a text in runs of which only one says it, in what a neuron emits."""
    sent, answered = collateral(Letter, name="sent"), collateral(Letter, name="answered")
    clerk = neuron({"answered": answered}, name="clerk")
    clerk.dendrite(sent, lambda letter: answered.create_signal(Letter(letter.text[::-1])))
    registry = CNSPersistOptionsRegistry().register_collateral("sent", sent).register("clerk", clerk)
    async with DurableRunner(CNS([clerk]), registry, MemoryStore(), handle_sigterm=False) as runner:
        for name, letter in (("a", 'ß"eva'), ("b", "bob")):
            await (await runner.stimulate(sent.create_signal(Letter(letter)), stimulation_id=name))
        finder = RunFinder(Reader(runner.store, "", opens=False), Seal("secret", "runs"))
        details = Details(Views(REDACTION), REDACTION, secrets, full=False)
        matches = signal_has_text(text, details)
        page = await finder.page(RunFilter(), prefix=None, neuron=None, matches_signal=matches, limit=9, cursor=None)
        return [run.stimulation_id for run in page.runs]


@pytest.mark.parametrize(("text", "names"), [('AVE"', ["a"]), ("ave", ["a"]), ("ß", ["a"]), ("eva", []), ("bo", ["b"])])
async def test_a_run_is_found_by_what_its_neurons_emitted(text: str, names: list[str]) -> None:
    assert await _found_in_histories(text) == names


async def test_what_a_neuron_emitted_in_secret_is_not_found() -> None:
    secrets = DeclaredSecrets({"answered": frozenset({"text"})}, {})

    assert await _found_in_histories("ave", secrets=secrets) == []
