from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.postgres import new_schema
from tests.stores import walking
from tests.stores.postgres_stores import PostgresLedger
from tests.stores.walking import DIES_AT, STEPS, Walk

ROOT = Path(__file__).parents[2]


@pytest.fixture
def address(postgres_url: str, postgres_schema: str) -> str:
    return f"{postgres_url}{'&' if '?' in postgres_url else '?'}cnstra_schema={postgres_schema}"


@pytest.fixture
def ledger_schema(postgres_url: str) -> Iterator[str]:
    with new_schema(postgres_url) as schema:
        yield schema


async def test_a_run_goes_on_where_its_process_died_and_each_step_is_paid_once(
    postgres_url: str, address: str, ledger_schema: str
) -> None:
    ledger = PostgresLedger(postgres_url, ledger_schema)
    process = await asyncio.create_subprocess_exec(
        sys.executable, walking.__file__, address, ledger_schema, env={"PYTHONPATH": str(ROOT)}
    )
    assert await process.wait() == 3

    walk = Walk(address, ledger_schema)
    async with walk.runner as runner:
        await runner.wait("walk")
        run = await runner.get("walk")

    assert walk.walked == list(range(DIES_AT, STEPS + 1))
    assert run is not None
    assert (run.status, run.attempt_number) == ("completed", 2)
    assert await ledger.read() == [f"step {number}" for number in range(1, STEPS + 1)]


async def test_a_run_that_is_enqueued_is_picked_up_by_a_runner_elsewhere(
    postgres_url: str, address: str, ledger_schema: str
) -> None:
    PostgresLedger(postgres_url, ledger_schema)
    here, there = Walk(address, ledger_schema), Walk(address, ledger_schema)

    async with there.runner, here.runner as runner:
        await runner.enqueue(here.start, stimulation_id="walk")
        await runner.wait("walk")

    assert sorted(here.walked + there.walked) == list(range(1, STEPS + 1))
