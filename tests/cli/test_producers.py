import socket
from contextlib import closing

import pytest

from cnstra.cli.ending import CommandError, Exit
from cnstra.cli.producers import Address, Order, produce, read_address
from cnstra.errors import GraphError
from cnstra.workers import StimulationJob


@pytest.mark.parametrize(
    ("text", "queue", "url", "named"),
    [
        ("bullmq+redis://localhost:6379/2?queue=imports", None, "redis://localhost:6379/2", "imports"),
        ("bullmq+rediss://u:p@host/0?queue=a&ssl_cert_reqs=none", "b", "rediss://u:p@host/0?ssl_cert_reqs=none", "b"),
        ("bullmq+unix:///run/redis.sock?db=1", "c", "unix:///run/redis.sock?db=1", "c"),
    ],
)
def test_an_address_says_which_adapter_where_and_which_queue(
    text: str, queue: str | None, url: str, named: str
) -> None:
    address = read_address(text, queue)

    assert (address.broker, address.url, address.queue) == ("bullmq", url, named)


def test_what_only_the_adapter_knows_is_kept_from_the_client() -> None:
    address = read_address("bullmq+redis://host?queue=a&prefix=mine", None)

    assert (address.url, address.parameters) == ("redis://host", {"prefix": "mine"})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("redis://localhost:6379", "begins with the adapter's name; write one such as bullmq+redis://"),
        ("mulebq+redis://localhost:6379", "there is no broker 'mulebq' here; write an address such as bullmq+redis"),
        ("bullmq+http://localhost", "this is no address of bullmq; write one such as bullmq+redis://localhost:6379/0"),
        ("bullmq+redis:", "this is no address of bullmq"),
        ("bullmq+redis://localhost:6379/0", "which queue? say --queue NAME, or end the address with ?queue=NAME"),
    ],
)
def test_what_is_no_address_is_told_with_an_example(text: str, problem: str) -> None:
    with pytest.raises(CommandError) as raised:
        read_address(text, None)

    assert problem in str(raised.value)
    assert raised.value.code == Exit.USAGE


def test_a_password_in_an_address_is_not_shown() -> None:
    assert "secret" not in repr(read_address("bullmq+redis://me:secret@host?queue=a", None))
    with pytest.raises(CommandError) as raised:
        read_address("bullmq+http://me:secret@host", None)
    assert "secret" not in str(raised.value)


async def test_a_broker_that_cannot_be_reached_is_told() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = Address("bullmq", f"redis://127.0.0.1:{taken.getsockname()[1]}", "q")
        with pytest.raises(CommandError, match="bullmq has not taken the job: ConnectionError") as raised:
            await produce(address, Order(StimulationJob("a")))

    assert raised.value.code == Exit.BROKER


async def test_an_option_that_makes_no_sense_to_the_broker_is_refused() -> None:
    address = Address("bullmq", "redis://127.0.0.1:1", "q")

    with pytest.raises(GraphError, match="priority"):
        await produce(address, Order(StimulationJob("a"), priority=-1))
