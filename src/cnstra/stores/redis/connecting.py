"""Connecting to a server, and seeing whether it can be trusted with runs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from redis.exceptions import AuthenticationError, ResponseError

from cnstra.errors import StoreError
from cnstra.stores.redis.address import Address
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.script import Script
from cnstra.stores.redis.servers import Cluster, SingleServer

__all__ = ["SCHEMA", "connect", "disconnect", "warn_of_loss"]

_SCHEMA: Final = Script("schema")
SCHEMA: Final = 1
"""The version of how runs are stored."""

_logger = logging.getLogger("cnstra.stores")


async def connect(link: Link, address: Address, patience: float) -> Sequence[Mapping[str, str]]:
    """Connect *link* to a server, or to the cluster that it is a node of; return what the servers told.

    Args:
        link: The store.
        address: Of the server.
        patience: Seconds that an answer may take.

    Raises:
        StoreError: If they cannot be reached, or must not be used.
    """
    try:
        link.server = SingleServer(address, timeout=patience)
        told = await _told(link)
        if any(one.get("cluster_enabled") == "1" for one in told):
            await link.server.close()
            link.server = Cluster(address, timeout=patience)
            told = await _told(link)
        for one in told:
            _check_policy(link.label, one)
        await _check_schema(link)
    except BaseException:
        await disconnect(link)
        raise
    return told


async def disconnect(link: Link) -> None:
    """Close the connections of *link*."""
    server, link.server = link.server, None
    if server is not None:
        await server.close()


async def _told(link: Link) -> Sequence[Mapping[str, str]]:
    """Return what the servers tell about themselves: nothing, if this user may not ask."""
    try:
        return await link.info()
    except StoreError as error:
        cause = error.__cause__
        if isinstance(cause, ResponseError) and not isinstance(cause, AuthenticationError):
            return [{}]
        raise


def _check_policy(label: str, told: Mapping[str, str]) -> None:
    """Refuse a server that makes room by dropping keys: some day they would be those of a run."""
    policy = told.get("maxmemory_policy", "noeviction")
    is_limited = told.get("maxmemory", "0") != "0"
    if policy == "noeviction" or not (is_limited or policy.startswith("allkeys")):
        return
    raise StoreError(
        f"{label}: the server drops keys when its memory is full (maxmemory-policy {policy}), and runs with them: "
        "set maxmemory-policy noeviction"
    )


async def _check_schema(link: Link) -> None:
    """Write down the version of the schema, or refuse one that this code does not know."""
    stored = await link.call(_SCHEMA, [link.schema], [b"%d" % SCHEMA])
    if not stored.isdigit():
        raise StoreError(f"{link.label}: its schema has the version {stored!r}: does something else use this prefix?")
    if int(stored) > SCHEMA:
        raise StoreError(
            f"{link.label} has schema version {int(stored)}, and this version of cnstra knows {SCHEMA}: upgrade cnstra"
        )


def warn_of_loss(label: str, told: Sequence[Mapping[str, str]]) -> None:
    """Warn if a restart of a server loses runs, or if it does not tell."""
    if any(one.get("aof_enabled") == "0" for one in told):
        _logger.warning(
            "%s: the append-only file is off, so a restart of the server loses runs: set appendonly yes, and "
            "appendfsync always where not even the last second may be lost",
            label,
        )
    elif any("aof_enabled" not in one or "maxmemory_policy" not in one for one in told):
        _logger.warning(
            "%s: the server does not tell how it keeps its data (INFO): see that maxmemory-policy is noeviction and "
            "appendonly is yes",
            label,
        )
