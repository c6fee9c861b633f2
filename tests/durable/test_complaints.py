import logging

import pytest

from cnstra.durable.complaints import Complaints
from cnstra.errors import StoreError


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def complaints(clock: Clock, caplog: pytest.LogCaptureFixture) -> Complaints:
    caplog.set_level(logging.INFO)
    return Complaints("look for runs", clock)


def test_the_first_failure_is_told_at_once_and_the_next_ones_every_half_minute(
    complaints: Complaints, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for second in range(61):
        clock.now = float(second)
        complaints.add(StoreError("no connection"))

    assert [record.message for record in caplog.records] == [
        "cannot look for runs: no connection",
        "cannot look for runs for 30 s, tried 31 times: no connection",
        "cannot look for runs for 60 s, tried 61 times: no connection",
    ]


def test_it_tells_when_it_works_again(complaints: Complaints, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    complaints.settle()
    complaints.add(StoreError("no connection"))
    clock.now = 2.0
    complaints.settle()
    complaints.settle()

    assert [record.message for record in caplog.records][1:] == ["can look for runs again after 2.0 s"]
    assert complaints.in_a_row == 0


def test_a_store_that_comes_and_goes_does_not_fill_the_log(
    complaints: Complaints, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for second in range(20):
        clock.now = float(second)
        complaints.add(StoreError("no connection"))
        complaints.settle()

    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


def test_what_is_no_error_of_a_store_is_a_bug_and_has_its_traceback(
    complaints: Complaints, caplog: pytest.LogCaptureFixture
) -> None:
    complaints.add(KeyError("a bug"))

    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
