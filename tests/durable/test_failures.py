import pickle

import pytest

from cnstra.durable.failures import error_of, reason_text, record_of
from cnstra.errors import RecordedFailure, StimulationAborted
from cnstra.persist.records import ErrorRecord


class Broken(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even a message")


def fail(error: Exception) -> None:
    raise error


def raised(error: Exception) -> Exception:
    """Return *error* as it is once it was raised and caught."""
    try:
        fail(error)
    except Exception as caught:  # noqa: BLE001 - whatever it is
        return caught
    return error


def test_an_error_is_stored_with_its_class_message_and_traceback() -> None:
    record = record_of(raised(ValueError("no such card")))

    assert (record.type_name, record.message) == ("ValueError", "no such card")
    assert "in raised" in record.traceback


def test_a_long_error_is_cut_in_the_middle() -> None:
    record = record_of(ValueError("a" * 5000 + "z" * 5000))

    assert record.message.startswith("aaa")
    assert record.message.endswith("zzz")
    assert "8000 characters left out" in record.message
    assert len(record.traceback) < 20_000


def test_an_error_whose_text_cannot_be_made_is_stored_all_the_same() -> None:
    record = record_of(raised(Broken()))

    assert record.type_name == "Broken"
    assert "cannot be made" in record.message


def test_what_no_database_takes_is_written_as_text() -> None:
    record = record_of(ValueError("a\0b\udcff"))

    assert record.message == "a\\x00b\\udcff"


def test_a_stored_error_comes_back_as_one_that_stands_for_it() -> None:
    error = error_of(record_of(ValueError("no such card")))

    assert isinstance(error, RecordedFailure)
    assert str(error) == "ValueError: no such card"
    assert record_of(error) == record_of(pickle.loads(pickle.dumps(error)))
    assert record_of(error).type_name == "ValueError"


@pytest.mark.parametrize(("reason", "text"), [(None, ""), ("too late", "too late"), (ValueError("late"), "late")])
def test_of_an_abort_the_reason_is_stored_as_text(reason: object, text: str) -> None:
    record = record_of(StimulationAborted(reason))

    assert record == ErrorRecord("StimulationAborted", text)
    assert reason_text(reason) == text


def test_of_an_abort_after_failures_those_are_in_the_traceback() -> None:
    error = StimulationAborted("enough")
    error.__cause__ = ValueError("no such card")

    assert "no such card" in record_of(error).traceback


def test_a_reason_whose_text_cannot_be_made_is_stored_all_the_same() -> None:
    assert reason_text(Broken()) == "(its text cannot be made)"
