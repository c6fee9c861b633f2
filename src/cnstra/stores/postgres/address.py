"""From an address to what the driver needs, and to a label that gives no secret away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cnstra.errors import StoreError
from cnstra.stores.postgres.names import DEFAULT_SCHEMA, Names

__all__ = ["Address", "address_of"]

_OURS: Final = {"cnstra_schema": "schema", "cnstra_prefix": "prefix"}
_DEFAULTS: Final[Mapping[str, str]] = {
    "application_name": "cnstra",
    "connect_timeout": "10",
    # A server that is gone without a word is noticed within half a minute, also while a commit is under way.
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a store is.

    Attributes:
        conninfo: What the driver connects with; there may be a password in it.
        names: Of the tables.
        label: Names the store in messages.
    """

    conninfo: str
    names: Names
    label: str


def address_of(url: str, schema: str | None, prefix: str | None) -> Address:
    """Read an address; ``cnstra_schema`` and ``cnstra_prefix`` in its query are ours, all the rest is libpq's.

    Raises:
        StoreError: If it cannot be read, or names a schema or a prefix other than the one given beside it.
    """
    url, given = _split(url)
    for name, value in (("schema", schema), ("prefix", prefix)):
        if value is not None and given.setdefault(name, value) != value:
            raise StoreError(f"the {name} is {given[name]!r} in the address and {value!r} beside it; give one of them")
    try:
        parsed = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except (ProgrammingError, ValueError):  # what the driver says may quote the password
        parsed = None
    if parsed is None or _is_garbled(url, parsed):
        raise StoreError(
            "the address of the Postgres store cannot be read: write postgresql://user:password@host:port/database, "
            "with special characters of the password percent-encoded, and only parameters that libpq knows"
        )
    names = Names(given.get("schema", DEFAULT_SCHEMA), given.get("prefix", ""))
    conninfo = make_conninfo(**{**_DEFAULTS, **parsed, "client_encoding": "utf8"})
    return Address(conninfo, names, _label(parsed, names))


def _split(url: str) -> tuple[str, dict[str, str]]:
    """Take our own parameters out of the query of *url*."""
    base, separator, query = url.partition("?")
    if not separator or "://" not in base:
        return url, {}
    given: dict[str, str] = {}
    others = []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name in _OURS:
            given[_OURS[name]] = unquote(value)
        else:
            others.append(part)
    return "?".join([base, "&".join(others)] if others else [base]), given


def _is_garbled(url: str, parsed: Mapping[str, str]) -> bool:
    """Tell whether part of a password was taken for something else: one with a slash in it ends up in port and path."""
    path = url.partition("://")[2].partition("/")[2].partition("?")[0]
    return "@" in path or not all(port.isdecimal() for port in parsed.get("port", "").split(",") if port)


def _label(parsed: Mapping[str, str], names: Names) -> str:
    user = f"{quote(parsed['user'])}@" if "user" in parsed else ""
    hosts = parsed.get("host") or parsed.get("hostaddr") or ""
    ports = f":{parsed['port']}" if "port" in parsed else ""
    schema = "" if names.schema == DEFAULT_SCHEMA else f", schema {names.schema}"
    prefix = f", prefix {names.prefix}" if names.prefix else ""
    return f"the Postgres store postgresql://{user}{hosts}{ports}/{parsed.get('dbname', '')}{schema}{prefix}"
