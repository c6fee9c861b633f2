"""Brokers for Celery, and a crew on each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.celery.crew import Crew, new_crew


@pytest.fixture(params=["rabbitmq", "redis"])
def broker_url(request: pytest.FixtureRequest) -> str:
    """Return the address of each broker in turn."""
    url: str = request.getfixturevalue("rabbitmq_url" if request.param == "rabbitmq" else "valkey_url")
    return url


@pytest.fixture
def crew(broker_url: str, tmp_path: Path) -> Iterator[Crew]:
    with new_crew(tmp_path, broker_url) as crew:
        yield crew
