from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, StimulationFailed, StoreError, collateral, neuron
from tests.fire.backends import BACKENDS, Backend
from tests.fire.spoiling import COLLATERAL, spoil
from tests.fire.waiting import Order

pytestmark = pytest.mark.parametrize("backend", BACKENDS, indirect=True)

GOOD = [f"good-{number}" for number in range(1, 5)]

asked = collateral(Order, name=COLLATERAL)


def office() -> tuple[CNS[Any], CNSPersistOptionsRegistry]:
    """Return a graph that refuses the order number 0."""
    clerk = neuron({}, name="clerk")

    @clerk.dendrite(asked)
    async def serve(payload: Order) -> None:
        if payload.number == 0:
            raise LookupError("order 0")

    return CNS([clerk]), CNSPersistOptionsRegistry().register("clerk", clerk).register_collateral(COLLATERAL, asked)


async def enqueue(owner: DurableRunner, *run_ids: str) -> None:
    for number, run_id in enumerate(run_ids):
        await owner.enqueue(asked.create_signal(Order(number)), stimulation_id=run_id)


async def test_a_payload_that_cannot_be_read_fails_its_run_and_no_other(backend: Backend) -> None:
    async with DurableRunner(*office(), backend.url, max_active_runs=0) as owner:
        await enqueue(owner, "bad", *GOOD)
    spoil(backend, "payload", "bad")

    async with DurableRunner(*office(), backend.url) as worker:
        await asyncio.gather(*map(worker.wait, GOOD))
        with pytest.raises(StimulationFailed) as failure:
            await worker.wait("bad")
        run = await worker.get("bad")
        [problem] = (await worker.check()).problems

    assert "PayloadError: collateral asked" in str(failure.value.exceptions[0])
    assert run is not None
    assert (run.status, run.outstanding) == ("failed", 1)
    assert run.entry[0].payload == 'unreadable: {"number":'
    assert problem.stimulation_ids == ("bad",)


async def test_a_status_that_nobody_knows_concerns_its_run_and_no_other(backend: Backend) -> None:
    async with DurableRunner(*office(), backend.url, max_active_runs=0) as owner:
        await enqueue(owner, "bad", *GOOD)
    spoil(backend, "status", "bad")

    async with DurableRunner(*office(), backend.url) as worker:
        await asyncio.gather(*map(worker.wait, GOOD))
        with pytest.raises(StoreError, match=r"'bad'.* 'paused', which this version does not know"):
            await worker.get("bad")
        listed = await worker.list()
        await worker.delete("bad")
        left = (await worker.stats()).runs

    assert sorted(run.stimulation_id for run in listed) == GOOD
    assert sum(left.values()) == len(GOOD)


async def test_an_error_that_cannot_be_read_keeps_its_run_and_no_other_from_a_retry(backend: Backend) -> None:
    async with DurableRunner(*office(), backend.url) as worker:
        for run_id in ("bad", "worse"):
            await enqueue(worker, run_id)
            with pytest.raises(StimulationFailed):
                await worker.wait(run_id)
        spoil(backend, "error", "bad")

        with pytest.raises(StoreError, match="'bad'"):
            await worker.retry("bad")
        retried = await worker.retry("worse")
        with pytest.raises(StimulationFailed):
            await retried
        await enqueue(worker, "zero", *GOOD)
        await asyncio.gather(*map(worker.wait, GOOD))


async def test_a_schema_that_is_newer_than_the_code_is_refused(backend: Backend) -> None:
    async with DurableRunner(*office(), backend.url, max_active_runs=0) as owner:
        await enqueue(owner, *GOOD)
    spoil(backend, "schema")

    with pytest.raises(StoreError, match=r"schema version 999, and this .* upgrade cnstra"):
        await DurableRunner(*office(), backend.url).open()
