import pickle

import pytest

from cnstra.durable.failures import error_of, reason_text, record_of, record_of_run
from cnstra.errors import RecordedFailure, StimulationAborted, StimulationFailed
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


def test_the_error_of_a_run_tells_what_failed_first_where_and_how_many_others_did() -> None:
    failed = StimulationFailed("3 failed tasks", [raised(ValueError("card declined")), KeyError("a"), OSError("b")])

    record = record_of_run(failed, "charge")

    assert record.type_name == "StimulationFailed"
    assert record.message == "ValueError in neuron 'charge': card declined (and 2 more failed)"
    assert "in raised" in record.traceback
    assert "KeyError: 'a'" in record.traceback


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError(), "ValueError in neuron 'charge'"),
        (RecordedFailure("Declined", "no cover"), "Declined in neuron 'charge': no cover"),
        (
            ExceptionGroup("two", [ExceptionGroup("one", [KeyError("a")]), OSError("b")]),
            "KeyError in neuron 'charge': 'a'",
        ),
        (ValueError("a" * 5000), "characters left out"),
    ],
)
def test_the_failure_of_a_run_is_told_as_what_it_really_was(error: Exception, message: str) -> None:
    assert message in record_of_run(StimulationFailed("1 failed task", [error]), "charge").message


def test_of_a_failed_listener_no_neuron_is_told() -> None:
    record = record_of_run(StimulationFailed("1 failed listener", [ValueError("full")]), None)

    assert record.message == "ValueError in a response listener: full"
