"""What every test of the project shares."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.servers.postgres import new_schema, some_postgres

# CI repeats the same examples, so that a red run is the change's fault; a developer's machine goes on searching.
# No deadline anywhere: how long an example takes says nothing on a shared machine.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("developer", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run every asynchronous test on asyncio, the loop that the engine is for."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Yield the address of a Postgres that all tests of this process share."""
    with some_postgres() as url:
        yield url


@pytest.fixture
def postgres_schema(postgres_url: str) -> Iterator[str]:
    """Yield the name of a schema for one test."""
    with new_schema(postgres_url) as schema:
        yield schema
