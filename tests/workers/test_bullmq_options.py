"""Options of jobs for BullMQ, which Node's BullMQ takes, too."""

from typing import Any

import pytest

from cnstra.durable import Keep
from cnstra.errors import GraphError
from cnstra.workers.bullmq import Backoff, RateLimit
from cnstra.workers.bullmq.options import job_options, kept


def options_with(**changed: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "job_id": "a",
        "attempts": 1,
        "backoff": None,
        "delay": 0.0,
        "priority": 0,
        "lifo": False,
        "deduplication_id": None,
        "deduplication_ttl": None,
        "keep_completed": None,
        "keep_failed": None,
    }
    return job_options(**{**given, **changed})


def test_what_is_not_asked_for_is_not_written() -> None:
    assert options_with() == {
        "jobId": "a",
        "attempts": 1,
        "delay": 0,
        "removeOnComplete": False,
        "removeOnFail": False,
    }


def test_seconds_become_milliseconds() -> None:
    options = options_with(
        delay=1.5,
        backoff=Backoff(0.25, "fixed", 0.1),
        deduplication_id="d",
        deduplication_ttl=2.0,
        priority=3,
        lifo=True,
    )

    assert options["delay"] == 1500
    assert options["backoff"] == {"type": "fixed", "delay": 250, "jitter": 0.1}
    assert options["deduplication"] == {"id": "d", "ttl": 2000}
    assert (options["priority"], options["lifo"]) == (3, True)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"job_id": "user:42"}, "has a colon, which Node's BullMQ refuses"),
        ({"job_id": "42"}, "is a number; BullMQ numbers jobs itself"),
        ({"job_id": "-42"}, "is a number"),
        ({"job_id": ""}, "a string that is not empty"),
        ({"attempts": 0}, "attempts must be a whole number of 1 or more"),
        ({"delay": -1.0}, "delay must be a number of seconds of 0 or more"),
        ({"priority": 2**21}, "priority must be a whole number from 0 to 2097151"),
        ({"priority": 1.5}, "priority must be a whole number"),
        ({"deduplication_ttl": 1.0}, "needs a deduplication_id"),
    ],
)
def test_what_node_would_refuse_is_refused(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(GraphError, match=told):
        options_with(**changed)


@pytest.mark.parametrize(
    ("keep", "wire"),
    [
        (None, False),
        (Keep(), False),
        (Keep(count=0), {"count": 0}),
        (Keep(age=60.0, count=5), {"age": 60, "count": 5}),
    ],
)
def test_how_many_jobs_are_kept(keep: Keep | None, wire: object) -> None:
    assert kept(keep) == wire


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Backoff, {"delay": -1.0}),
        (Backoff, {"growth": "linear"}),
        (Backoff, {"jitter": 2.0}),
        (RateLimit, {"jobs": 0}),
        (RateLimit, {"jobs": 1, "every": 0.0}),
    ],
)
def test_what_makes_no_sense_is_refused(kind: Any, given: dict[str, Any]) -> None:
    with pytest.raises(GraphError):
        kind(**given)
