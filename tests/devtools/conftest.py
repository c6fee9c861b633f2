"""Stores, a shop that works on them, and DevTools that look at it, over a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cnstra import DurableRunner
from cnstra.devtools import Address, serve
from tests.devtools.shop import Shop
from tests.devtools.visiting import TOKEN, Visitor, visiting
from tests.servers.redis import redis_url
from tests.stores.redis_stores import new_prefix, remove_keys


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    with redis_url("valkey") as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/runs.db"


@pytest.fixture(params=["sqlite", "postgres", "redis"])
def store_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty store of each kind that has addresses."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
    elif request.param == "postgres":
        url, schema = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_schema")
        yield f"{url}{'&' if '?' in url else '?'}cnstra_schema={schema}"
    else:
        url, prefix = request.getfixturevalue("valkey_url"), new_prefix()
        yield f"{url}{'&' if '?' in url else '?'}cnstra_prefix={prefix}"
        asyncio.run(remove_keys(url, prefix))


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
async def runner(shop: Shop, store_url: str) -> AsyncIterator[DurableRunner]:
    async with shop.runner(store_url) as runner:
        yield runner


@pytest.fixture
def address(shop: Shop, store_url: str) -> Iterator[Address]:
    """DevTools with a connection of their own to the store that the runner works on."""
    with serve(store_url, cns=shop.cns, registry=shop.registry, token=TOKEN, quiet=True) as address:
        yield address


@pytest.fixture
async def visitor(address: Address) -> AsyncIterator[Visitor]:
    async with visiting(address) as visitor:
        yield visitor
