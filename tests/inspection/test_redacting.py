"""What must not be shown."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra.errors import GraphError
from cnstra.inspection.redacting import Redaction

HIDDEN = {"$redacted": "key"}
REDACTION = Redaction()
json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts),
    max_leaves=20,
)


SECRET_KEYS = [
    "password",
    "userPassword",
    "DB_PASSWD",
    "api_key",
    "apiKey",
    "X-API-Key",
    "access-key",
    "client_secret",
    "authToken",
    "Authorization",
    "Set-Cookie",
    "private_key",
    "credentials",
    "session_id",
    "cardNumber",
    "cvv",
    "connectionString",
]
PLAIN_KEYS = ["name", "passenger", "keyboard", "card", "author", "sessions", "number"]


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_the_value_of_a_secret_key_is_not_shown(key: str) -> None:
    assert REDACTION.data({key: "x"}) == {key: HIDDEN}
    assert REDACTION.data({"deep": [{key: {"a": 1}}]}) == {"deep": [{key: HIDDEN}]}


@pytest.mark.parametrize("key", PLAIN_KEYS)
def test_the_value_of_another_key_is_shown(key: str) -> None:
    assert REDACTION.data({key: "x"}) == {key: "x"}


@given(json_data)
def test_data_keeps_its_shape(data: object) -> None:
    redaction = Redaction(keys="^nothing has this key$")

    assert redaction.data(data) == data


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("login failed, password=hunter2", "login failed, password=[redacted]"),
        ("{'api_key': 'abc def', 'n': 1}", "{'api_key': [redacted], 'n': 1}"),
        ('{"token": "a\\"b", "n": 1}', '{"token": [redacted], "n": 1}'),
        ("Authorization: Bearer abcdefghijkl", "Authorization: [redacted] [redacted]"),
        ("cannot reach postgresql://me:hunter2@db/x", "cannot reach postgresql://me:[redacted]@db/x"),
        ("client_secret: x, next", "client_secret: [redacted], next"),
        ("Bearer abcdefghijkl was refused", "Bearer [redacted] was refused"),
        ("nothing to hide: 1 + 1 = 2", "nothing to hide: 1 + 1 = 2"),
    ],
)
def test_a_text_is_shown_without_what_looks_like_a_secret(text: str, shown: str) -> None:
    assert REDACTION.text(text) == shown


def test_an_address_in_a_payload_is_shown_without_its_password() -> None:
    assert REDACTION.data({"url": "redis://:hunter2@host/0"}) == {"url": "redis://:[redacted]@host/0"}


@pytest.mark.parametrize("piece", ["secret", "a-", "password='", 'token="', "x://y:", "\\", "secret.", "bearer "])
def test_a_hostile_text_takes_no_longer_for_its_length(piece: str) -> None:
    assert isinstance(REDACTION.text(piece * 40_000), str)  # with a quadratic pattern the test's time would be up


def test_the_users_own_function_has_the_last_word() -> None:
    redaction = Redaction(hook=lambda name, data: {"of": name, "iban": "..."} if name == "account" else data)

    assert redaction.data({"iban_": "DE"}, name="account") == {"of": "account", "iban": "..."}
    assert redaction.data({"a": 1}, name="other") == {"a": 1}


def test_what_the_users_function_fails_on_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    redaction = Redaction(hook=lambda name, data: data["missing"])

    with caplog.at_level(logging.ERROR, "cnstra.inspection"):
        assert redaction.data({"a": 1}) == {"$redacted": "hook failed"}
    assert "redaction hook failed" in caplog.text


def test_what_the_users_function_returns_must_be_data() -> None:
    assert Redaction(hook=lambda name, data: object()).data({"a": 1}) == {"$redacted": "hook failed"}


def test_what_a_type_declares_secret_is_not_shown() -> None:
    assert REDACTION.data({"pin": 1, "n": 2}, secrets={"pin"}) == {"pin": {"$redacted": "type"}, "n": 2}
    assert REDACTION.data("1234", secrets={""}) == {"$redacted": "type"}


def test_what_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(GraphError, match=r"redact_keys is a regular expression, which 'pass\[' is not"):
        Redaction("pass[")
