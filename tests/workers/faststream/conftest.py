"""What the tests on FastStream's brokers share: a NATS, a RabbitMQ, and places for jobs on them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from tests.servers.nats import NatsServer, nats_server
from tests.servers.rabbitmq import RabbitServer, rabbitmq_server
from tests.workers.faststream.boards import Board, NatsBoard, RabbitBoard, nats_board

BOARDS = ["nats", "rabbitmq"]


@pytest.fixture(scope="session")
def nats_url() -> Iterator[str]:
    """Yield the address of a NATS that takes large messages."""
    with nats_server(max_payload=32 * 1024 * 1024) as server:
        yield server.url


@pytest.fixture
async def nats_place(nats_url: str) -> AsyncIterator[NatsBoard]:
    async with nats_board(nats_url) as board:
        yield board


@pytest.fixture
def rabbit_place(rabbitmq_url: str) -> RabbitBoard:
    return RabbitBoard(rabbitmq_url)


@pytest.fixture(params=BOARDS)
async def board(request: pytest.FixtureRequest) -> AsyncIterator[Board]:
    async with board_of(request.param, request.getfixturevalue(f"{request.param}_url")) as board:
        yield board


@asynccontextmanager
async def board_of(broker: str, url: str, **options: Any) -> AsyncIterator[Board]:
    """Open a place on ``nats``, ``rabbitmq`` or ``rabbitmq classic``; *options* are those of a `NatsBoard`."""
    if broker == "nats":
        async with nats_board(url, **options) as subject:
            yield subject
    else:
        yield RabbitBoard(url, "classic" if broker.endswith("classic") else "quorum")


@contextmanager
def server_of(broker: str) -> Iterator[NatsServer | RabbitServer]:
    """Start a broker of its own."""
    if broker == "nats":
        with nats_server() as server:
            yield server
    else:
        with rabbitmq_server() as other:
            yield other
