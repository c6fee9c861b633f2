"""What the tests on FastStream's brokers share: a NATS, a RabbitMQ, and places for jobs on them."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.servers.nats import nats_server
from tests.workers.faststream.boards import Board, NatsBoard, RabbitBoard, nats_board, rabbit_board

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
async def rabbit_place(rabbitmq_url: str) -> AsyncIterator[RabbitBoard]:
    async with rabbit_board(rabbitmq_url) as board:
        yield board


@pytest.fixture(params=BOARDS)
async def board(request: pytest.FixtureRequest) -> AsyncIterator[Board]:
    if request.param == "nats":
        async with nats_board(request.getfixturevalue("nats_url")) as subject:
            yield subject
    else:
        async with rabbit_board(request.getfixturevalue("rabbitmq_url")) as queue:
            yield queue
