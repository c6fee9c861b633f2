"""Secrets that the types of an application declare, as JSON Schemas have them."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, SecretStr

from cnstra.inspection.declared import secrets_of, without_secret_values


class Wallet(BaseModel):
    code: SecretStr
    coins: int


class Customer(BaseModel):
    name: str
    wallets: list[Wallet] = []
    recovery: dict[str, SecretStr] | None = None


def test_secret_fields_are_found_at_any_depth() -> None:
    assert secrets_of(Customer.model_json_schema()) == {"code", "recovery"}
    assert secrets_of({"type": "string", "format": "password"}) == {""}
    assert secrets_of({"type": "string"}) == frozenset()


@pytest.mark.parametrize("key", ["default", "examples", "const", "enum"])
def test_a_schema_is_shown_without_the_values_of_secrets(key: str) -> None:
    secret, plain = {"type": "string", key: ["hunter2"]}, {"type": "string", key: ["x"]}
    schema = {"$defs": {"A": {"properties": {"password": {"anyOf": [secret]}, "name": plain}}}}

    shown = without_secret_values(schema, lambda name: name == "password")

    assert shown == {"$defs": {"A": {"properties": {"password": {"anyOf": [{"type": "string"}]}, "name": plain}}}}
