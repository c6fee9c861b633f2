"""What every test of workers on Procrastinate starts from: its tables, and a queue of the test's own."""

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.servers.postgres import new_schema
from tests.servers.proxy import Proxy, proxy_to
from tests.workers.procrastinate.board import Board, make_tables, new_board


@pytest.fixture(scope="module")
def url(postgres_url: str) -> Iterator[str]:
    """Yield an address that leads to Procrastinate's tables, in a schema of their own."""
    with new_schema(postgres_url) as schema:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        address = make_conninfo(postgres_url, options=f"-c search_path={schema}")
        make_tables(address)
        yield address


@pytest.fixture
async def board(url: str) -> AsyncIterator[Board]:
    async with new_board(url) as board:
        yield board


@pytest.fixture
async def network(url: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Proxy, str]]:
    """Yield a network between workers and server, and the address of the server by way of it."""
    monkeypatch.setattr("cnstra.workers.procrastinate.worker._PATIENCE", 0.2)
    async with proxy_to(postgres_url) as proxy:
        yield proxy, make_conninfo(proxy.url, options=conninfo_to_dict(url)["options"])
