from typing import Any

import pytest

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner
from cnstra.durable.settings import Settings
from cnstra.errors import GraphError


def test_heartbeats_and_looks_follow_the_lease() -> None:
    settings = Settings(lease=9.0)

    assert (settings.between_beats, settings.between_looks) == (3.0, 3.0)
    assert Settings(lease=600.0).between_looks == 5.0


def test_heartbeats_and_looks_may_be_given() -> None:
    settings = Settings(lease=9.0, heartbeat=1.0, poll=0.5)

    assert (settings.between_beats, settings.between_looks) == (1.0, 0.5)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"lease": 0}, "lease"),
        ({"lease": 10.0, "heartbeat": 6.0}, "heartbeat=6 must be at most half of lease=10"),
        ({"heartbeat": 0}, "heartbeat"),
        ({"poll": -1}, "poll"),
        ({"max_active_runs": -1}, "max_active_runs"),
        ({"max_active_runs": 1.5}, "max_active_runs"),
        ({"max_recoveries": -1}, "max_recoveries"),
        ({"retention": {"pending": 3.0}}, "pending"),
        ({"grace": float("inf")}, "grace"),
        ({"max_staleness": "soon"}, "max_staleness"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_when_the_runner_is_made(options: Any, problem: str) -> None:
    with pytest.raises(GraphError, match=problem):
        DurableRunner(CNS([]), CNSPersistOptionsRegistry(), "memory://", **options)
