from __future__ import annotations

import struct

import psycopg
import pytest

from cnstra.errors import PayloadError, StoreError
from cnstra.stores.postgres.errors import BadRow, NoConnection, NoneFree, error_of, explain, explaining


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (BadRow("run 'a' makes no sense"), "run 'a' makes no sense"),
        (NoConnection("refused"), "cannot be reached, or refuses the connection (refused)"),
        (psycopg.OperationalError("gone\n\tfor good"), "what was under way may be done or not (gone for good)"),
        (NoneFree("none"), "give a larger pool_size"),
        (ConnectionResetError("reset"), "cannot be reached"),
        (psycopg.errors.InvalidPassword("who?"), "check user, password and pg_hba.conf"),
        (psycopg.errors.InvalidCatalogName("no db"), "there is no such database: create it first"),
        (psycopg.errors.DeadlockDetected("ring"), "nothing of it was kept: try again"),
        (psycopg.errors.SerializationFailure("no"), "nothing of it was kept: try again"),
        (psycopg.errors.ReadOnlySqlTransaction("ro"), "target_session_attrs=read-write"),
        (psycopg.errors.DiskFull("full"), "make room, then go on"),
        (psycopg.errors.TooManyConnections("max"), "raise max_connections, or give a smaller pool_size"),
        (psycopg.errors.AdminShutdown("bye"), "the server stops or starts"),
        (psycopg.errors.QueryCanceled("slow"), "statement_timeout"),
        (psycopg.errors.UndefinedColumn("no column x"), "the store: no column x"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"), "cannot hold a value of this write"),
        (struct.error("int too large"), "cannot hold a value of this write (int too large)"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_says_what_to_do(error: Exception, advice: str) -> None:
    explained = explain(error, "the store")

    assert str(explained).startswith("the store: ")
    assert advice in str(explained)


def test_an_error_of_the_driver_is_the_cause_of_what_is_raised() -> None:
    error = psycopg.errors.DiskFull("full")

    with pytest.raises(StoreError) as caught, explaining("the store"):
        raise error

    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [StoreError("it is not open"), PayloadError("it", "$", "no JSON"), KeyError("a bug")])
def test_other_errors_pass_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, explaining("the store"):
        raise error

    assert caught.value is error


def test_no_answer_is_an_error_too() -> None:
    assert isinstance(error_of(None), psycopg.OperationalError)
