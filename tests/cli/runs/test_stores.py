"""What the commands do by way of the stores that need a server; the other tests are on SQLite."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest
from redis import Redis

from cnstra import StimulationFailed
from cnstra.cli.ending import Exit
from tests.cli.invoking import document, invoke
from tests.cli.runs.conftest import SHOP
from tests.cli.runs.shop import Order, ordered, runner_of
from tests.servers.redis import redis_url


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with redis_url() as url:
        yield url


@pytest.fixture(params=["postgres", "redis"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the address of a store with the runs ``flaky`` and ``waiting``."""
    if request.param == "postgres":
        url, schema = (request.getfixturevalue(name) for name in ("postgres_url", "postgres_schema"))
        address = f"{url}{'&' if '?' in url else '?'}cnstra_schema={schema}"
        asyncio.run(_fill(address))
        yield address
        return
    url, prefix = request.getfixturevalue("server"), f"cnstra-test-{uuid4().hex}"
    address = f"{url}?cnstra_prefix={prefix}"
    asyncio.run(_fill(address))
    yield address
    with Redis.from_url(url) as client:
        client.unlink(*client.scan_iter(f"{{{prefix}*"))


async def _fill(address: str) -> None:
    async with runner_of(address) as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(ordered.create_signal(Order(7, "flaky")), stimulation_id="flaky"))
        await runner.enqueue(ordered.create_signal(Order(8)), stimulation_id="waiting", delay=3600.0)


def test_runs_are_looked_at_and_acted_on(address: str) -> None:
    where = ("--store", address)

    listed = document("runs", invoke("runs", "list", *where, "--json").stdout)["runs"]
    shown = document("run", invoke("runs", "show", "flaky", *where, "--json").stdout)
    done = [
        invoke("runs", *action, *where).exit_code
        for action in (
            ("abort", "waiting"),
            ("retry", "flaky", "--here", "--runner", SHOP),
            ("tail", "flaky"),
            ("clone", "flaky", "--id", "again", "--runner", SHOP),
            ("delete", "waiting", "--yes"),
            ("purge", "--older-than", "0s", "--yes"),
        )
    ]
    numbers = document("store-stats", invoke("store", "stats", *where, "--json").stdout)

    assert [(one["stimulation_id"], one["status"]) for one in listed] == [("waiting", "pending"), ("flaky", "failed")]
    assert shown["frontier"][0]["error"]["type"] == "ValueError"
    assert done == [Exit.DONE] * 6
    assert numbers["runs"] == {"pending": 1, "running": 0, "completed": 0, "failed": 0, "aborted": 0}
    assert numbers["workers"] == 0
