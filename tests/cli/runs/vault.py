"""An application whose payloads, contexts, metadata and errors have secrets in them."""

import logging
from typing import Annotated, Any

from pydantic import BaseModel, Field

from cnstra import CNS, DurableRunner, MemoryStore, collateral, create_persist_registry, neuron
from cnstra.core.context import HandlerContext

SECRET = "hunter2-hunter2"

log = logging.getLogger("vault")


class Login(BaseModel):
    user: str
    pin: Annotated[str, Field(json_schema_extra={"format": "password"})]
    password: str = SECRET


opened = collateral(Login, name="opened")
clerk = neuron({}, name="clerk")


@clerk.dendrite(opened)
def open_the_vault(login: Login, axon: Any, ctx: HandlerContext[Any, Any]) -> None:
    log.warning("opened by %s\nwith password=%s", login.user, SECRET)
    ctx.set({"api_key": SECRET, "user": login.user})
    if login.user == "eve":
        raise PermissionError(f"not with password={SECRET}")


registry = create_persist_registry({"clerk": clerk})
registry.register_collateral("opened", opened)
cns = CNS([clerk])
runner = DurableRunner(cns, registry, MemoryStore())


def without_users(name: str, data: Any) -> Any:
    """Return a value without the users in it."""
    return {key: value for key, value in data.items() if key != "user"} | {"of": name}


def names_alone(name: str, data: Any) -> str:
    """Return nothing of a value."""
    return name
