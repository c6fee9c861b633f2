"""What Prometheus collects, read by its own parsers."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, collateral, neuron
from cnstra.devtools import serve
from cnstra.devtools.metrics import exposition, gather
from cnstra.inspection.reading import Reader
from cnstra.inspection.sampling import Sampler
from cnstra.stores import MemoryStore
from tests.devtools.shop import SECRET, Shop, sell
from tests.devtools.visiting import TOKEN, Visitor, visiting

FEED = {"clients": 1, "events": 7, "overflows": 2}


def values(text: str) -> Mapping[tuple[str, ...], float]:
    """Return the samples by their names and the values of their labels."""
    found = [sample for family in parser.text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in found}


async def test_the_store_its_workers_and_its_runs_are_told(runner: DurableRunner, shop: Shop, visitor: Visitor) -> None:
    await sell(runner, shop, "a")
    await sell(runner, shop, "b", note="fail")
    await runner.enqueue(shop.order(3), stimulation_id="later", delay=3_600)

    told = values(await visitor.get("/metrics"))

    statuses = {name: told["cnstra_runs", name] for name in ("pending", "running", "completed", "failed", "aborted")}
    assert statuses == {"pending": 1, "running": 0, "completed": 1, "failed": 1, "aborted": 0}
    assert (told["cnstra_outstanding_activations",], told["cnstra_outstanding_activations_is_whole",]) == (1, 1)
    assert (told["cnstra_workers", "living"], told["cnstra_workers", "expired"]) == (1, 0)
    assert 0 <= told["cnstra_oldest_open_run_age_seconds",] < 3_600
    assert told["cnstra_devtools_clients",] == told["cnstra_devtools_overflows_total",] == 0


async def test_neurons_are_told_with_their_failures_and_durations(
    runner: DurableRunner, shop: Shop, visitor: Visitor
) -> None:
    for number in range(4):
        await sell(runner, shop, f"run-{number}", note="fail" if number == 0 else "")

    told = values(await visitor.get("/metrics", window=3_600))
    without = values(await visitor.get("/metrics", window=0))

    outcomes = itertools.product(("take", "pack"), ("done", "failed"))
    ends = [told["cnstra_recent_activations", name, outcome] for name, outcome in outcomes]
    shares = [told["cnstra_recent_activation_duration_seconds", "take", share] for share in ("0.5", "0.95", "1")]
    assert ends == [4, 0, 3, 1]
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert (told["cnstra_recent_runs_looked_at",], told["cnstra_recent_runs_is_whole",]) == (4, 1)
    assert not [key for key in without if "recent" in key[0]]


async def test_nothing_of_a_payload_is_told(runner: DurableRunner, shop: Shop, visitor: Visitor) -> None:
    await sell(runner, shop, "secret-run", note="fail")

    told = await visitor.get("/metrics")

    assert [word for word in (SECRET, "secret-run", "nothing left", "OutOfStock") if word in told] == []


async def test_it_is_where_prometheus_looks_and_in_the_format_that_it_prefers(
    runner: DurableRunner, visitor: Visitor
) -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2"

    plain = await visitor.client.get("/metrics")
    preferred = await visitor.client.get("/metrics", headers={"Accept": accept})

    families = openmetrics.text_string_to_metric_families(preferred.text)  # type: ignore[no-untyped-call]  # theirs
    assert ("cnstra_runs", "completed") in values(plain.text)
    assert preferred.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert "cnstra_devtools_events" in {family.name for family in families}


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/metrics"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer another-token-than-it"}, 401),
        ({"Authorization": f"Bearer {TOKEN}", "Host": "elsewhere.example"}, 421),
    ],
)
def test_whoever_has_no_token_or_comes_by_another_name_is_told_nothing(
    path: str, headers: dict[str, str], status: int
) -> None:
    with serve(MemoryStore(), token=TOKEN, quiet=True) as address:
        answer = httpx.get(f"{address}{path}", headers=headers, trust_env=False)

    assert answer.status_code == status
    assert "cnstra_runs" not in answer.text


@pytest.fixture
async def busy() -> AsyncIterator[MemoryStore]:
    """A store that has seen more neurons than have numbers, with names that are no labels."""
    started, names = collateral(int, name="started"), ['"}\n# x 1\\', "a" * 500, *(f"n{n}" for n in range(210))]
    neurons = [neuron({}, name=name).dendrite(started, lambda: None) for name in names]
    registry = CNSPersistOptionsRegistry().register_collateral("started", started)
    for name, one in zip(names, neurons, strict=True):
        registry.register(name, one)
    store = MemoryStore()
    async with DurableRunner(CNS(neurons), registry, store) as runner:
        await (await runner.stimulate(started.create_signal(1)))
        yield store


async def test_labels_are_few_and_break_out_of_nothing(busy: MemoryStore) -> None:
    reader = Reader(busy, "", opens=False)
    sample = await Sampler(reader, lambda: 0.0).of_last(0)

    numbers = await gather(reader, 0.0, meta={"version": "1"}, sample=sample, feed=FEED)
    text, _ = exposition(numbers, "")

    told = values(text.decode())
    names = {key[1] for key in told if key[0] == "cnstra_recent_activations"}
    assert '"}\n# x 1\\' in names
    assert (len(names), max(map(len, names))) == (200, 200)
    assert told["cnstra_recent_neurons_left_out",] == 12
    assert (told["cnstra_devtools_events_total",], told["cnstra_devtools_overflows_total",]) == (7, 2)


async def test_a_store_out_of_reach_is_told_as_such(tmp_path: Path) -> None:
    with serve(f"sqlite:///{tmp_path}/none/runs.db", token=TOKEN, quiet=True) as address:
        async with visiting(address) as visitor:
            assert await visitor.problem("/metrics") == "store_error"
