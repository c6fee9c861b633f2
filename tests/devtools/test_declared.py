"""Secrets that the types of an application declare, from the type to the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, Field, SecretStr

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, collateral, neuron
from cnstra.devtools import serve
from cnstra.stores import MemoryStore
from tests.devtools.visiting import TOKEN, visiting

Hidden = Annotated[str, Field(json_schema_extra={"format": "password"})]


class Wallet(BaseModel):
    code: Hidden
    coins: int


class Customer(BaseModel):
    name: str
    wallets: list[Wallet] = []
    recovery: dict[str, SecretStr] | None = None


@dataclass
class Parcel:
    """Of msgspec's own kind, with a model inside."""

    lock: Annotated[str, msgspec.Meta(extra_json_schema={"writeOnly": True})]
    owner: Customer


async def test_what_the_type_of_a_payload_declares_secret_is_not_shown() -> None:
    joined = collateral(Parcel, name="joined")
    greet: Any = neuron({}, name="greet").dendrite(joined, lambda parcel: None)
    registry = CNSPersistOptionsRegistry().register("greet", greet).register_collateral("joined", joined)
    customer = Parcel("hunter2", Customer(name="Ada", wallets=[Wallet(code="hunter2", coins=3)]))
    async with DurableRunner(CNS([greet]), registry, MemoryStore(), handle_sigterm=False) as runner:
        await (await runner.stimulate(joined.create_signal(customer), stimulation_id="a"))
        with serve(runner, token=TOKEN, quiet=True) as url:
            async with visiting(url) as visitor:
                shown = await visitor.get("/runs/a/export")

    assert "hunter2" not in json.dumps(shown)
    data = shown["tasks"][0]["input"]["payload"]["data"]
    assert data["lock"] == {"$redacted": "type"}
    assert data["owner"]["wallets"] == [{"code": {"$redacted": "type"}, "coins": 3}]
