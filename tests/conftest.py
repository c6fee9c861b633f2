"""What every test of the project shares."""

import os
import signal
import sys
from collections.abc import Generator, Iterator
from typing import Any, TextIO

import pytest
from hypothesis import settings

from tests.confessing import confessing_after
from tests.servers.postgres import new_schema, some_postgres
from tests.servers.rabbitmq import some_rabbitmq

# CI repeats the same examples, so that a red run is the change's fault; a developer's machine goes on searching.
# No deadline anywhere: how long an example takes says nothing on a shared machine.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("developer", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


_STDERR = pytest.StashKey[TextIO]()


def pytest_configure(config: pytest.Config) -> None:
    # Whoever started the tests in the background has SIGINT ignored, and so would every process that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[_STDERR] = os.fdopen(os.dup(2), "w")  # before pytest captures what a test writes there


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_STDERR].close()


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Show a failure when it happens: a run that is cut short never reaches the summary."""
    if report.failed and os.environ.get("CI") and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f"\nFAILED {report.nodeid} ({report.when})\n{report.longreprtext}", file=sys.__stdout__, flush=True)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Let a report hold any text: one with half a surrogate pair would end the whole run."""
    return _encodable((yield))


def _encodable(data: Any) -> Any:
    if isinstance(data, str):
        return data.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(data, dict):
        return {_encodable(key): _encodable(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(_encodable(one) for one in data)
    return data


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Tell where a test stands just before its time is up."""
    timeout = float(item.config.getoption("timeout") or item.config.getini("timeout"))
    with confessing_after(timeout * 0.9, item.nodeid, item.config.stash[_STDERR]):
        return (yield)


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


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """Yield the address of a RabbitMQ that all tests of this process share: each names its own queues."""
    with some_rabbitmq() as url:
        yield url
