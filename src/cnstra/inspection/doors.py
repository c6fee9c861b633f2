"""Whether a request comes from the right place with the right key: told by its headers, whatever the server."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, final

from cnstra.inspection.keys import Keys

__all__ = ["LOCAL_HOSTS", "Door", "Headers", "Refusal", "is_loopback"]

LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_FOREIGN: Final = frozenset({"cross-site", "same-site"})
"""The latter is another port of the same host, whose pages may be anybody's."""

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
"""As ASGI has them: names in lower case."""


@final
@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let in.

    Attributes:
        status: Of the response, in HTTP.
        code: For programs.
        detail: For people.
    """

    status: Literal[403, 421]
    code: Literal["foreign_host", "foreign_origin"]
    detail: str


@final
class Door:
    """Lets requests in by the names, origins and tokens in their headers.

    Args:
        keys: Who may look.
        hosts: Names that the server goes by, besides those of the loopback interface; without ports.
        origins: Origins of pages that may ask, besides the server's own.
    """

    def __init__(self, keys: Keys, *, hosts: Collection[str] = (), origins: Collection[str] = ()) -> None:
        self._keys = keys
        self._hosts = LOCAL_HOSTS | {host.lower() for host in hosts}
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)

    def refusal(self, headers: Headers) -> Refusal | None:
        """Return why a request of these headers comes from the wrong place; ``None`` if it does not."""
        found = list(headers)
        hosts = _values(found, b"host")
        if len(hosts) != 1 or _without_port(hosts[0]) not in self._hosts:
            return Refusal(421, "foreign_host", "the Host header has a name that this server does not go by")
        if any(not self._is_own(origin.lower(), hosts[0].lower()) for origin in _values(found, b"origin")):
            return Refusal(403, "foreign_origin", "pages of other origins may not ask here")
        site, mode = _values(found, b"sec-fetch-site"), _values(found, b"sec-fetch-mode")
        if _FOREIGN.intersection(site) and mode != ["navigate"]:
            return Refusal(403, "foreign_origin", "pages of other sites may not ask here")
        return None

    def has_token(self, headers: Headers) -> bool:
        """Tell whether a request of these headers shows the token (``Authorization: Bearer <token>``)."""
        given = _values(headers, b"authorization")[:1]
        scheme, _, token = given[0].partition(" ") if given else ("", "", "")
        return scheme.lower() == "bearer" and self._keys.is_token(token.strip())

    def _is_own(self, origin: str, host: str) -> bool:
        if origin in self._origins:
            return True
        scheme = origin.partition("://")[0]
        return scheme in {"http", "https"} and origin == f"{scheme}://{host}"


def is_loopback(host: str) -> bool:
    """Tell whether nobody else can reach an address to listen on."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name may be anybody's


def _values(headers: Headers, wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in headers if name.lower() == wanted]


def _without_port(host: str) -> str:
    name, separator, port = host.lower().rpartition(":")
    return name if separator and port.isdigit() else host.lower()
