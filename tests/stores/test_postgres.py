from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from cnstra.stores import PostgresStore
from cnstra.testing import Ledger, StoreContract
from tests.servers.postgres import new_schema
from tests.stores.postgres_stores import PostgresLedger, open_postgres_store


class TestPostgresStore(StoreContract):
    @pytest.fixture
    async def store(self, postgres_url: str, postgres_schema: str) -> AsyncIterator[PostgresStore]:
        async with open_postgres_store(postgres_url, postgres_schema) as store:
            yield store

    @pytest.fixture
    def ledger(self, postgres_url: str) -> Iterator[Ledger]:
        with new_schema(postgres_url) as schema:
            yield PostgresLedger(postgres_url, schema)
