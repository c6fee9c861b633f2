"""Who may look: the token, the links that stand for it once, and the sessions of browsers that showed one of them."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final, final

from cnstra.errors import GraphError
from cnstra.inspection.sealing import Seal

__all__ = ["Keys"]

_LEAST: Final = 16
_SESSION: Final = 7 * 24 * 3600.0
_LINK: Final = 3600.0
_LINKS: Final = 16


@final
class Keys:
    """Knows the token, and tells what stands for it.

    A session is a signed text that a browser keeps as a cookie, so that it is good in every process that has the same
    token.

    Args:
        token: The token; made if it is left out.
        clock: Seconds since the epoch.

    Raises:
        GraphError: If the token is so short that it could be guessed, or a header could not carry it.
    """

    def __init__(self, token: str | None = None, clock: Callable[[], float] = time.time) -> None:
        if token is not None and not _is_good(token):
            raise GraphError(f"a token has {_LEAST} or more ASCII characters, no spaces; leave it out to have one made")
        self.token = token or secrets.token_urlsafe(32)
        self._clock = clock
        self._seal = Seal(self.token, "session")
        self._links: dict[str, float] = {}
        self._ended: dict[str, float] = {}

    def is_token(self, given: str) -> bool:
        """Tell whether this is the token, in a time that tells nothing of it."""
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self.token.encode())

    def new_link_code(self) -> str:
        """Return a text that stands for the token once, within an hour."""
        while len(self._links) >= _LINKS:
            del self._links[next(iter(self._links))]
        code = secrets.token_urlsafe(24)
        self._links[code] = self._clock() + _LINK
        return code

    def redeem(self, code: str) -> bool:
        """Take such a text; tell whether it was good."""
        given = code.encode("utf-8", "surrogateescape")
        found = [known for known in self._links if hmac.compare_digest(known.encode(), given)]
        return any(self._links.pop(known) > self._clock() for known in found)

    def new_session(self) -> tuple[str, int]:
        """Return a new session, and for how many seconds it is good."""
        return self._seal.close([secrets.token_urlsafe(12), self._clock() + _SESSION]), int(_SESSION)

    def is_session(self, given: str) -> bool:
        """Tell whether this is a session that has not ended."""
        data = self._seal.open(given)
        return data is not None and data[1] > self._clock() and data[0] not in self._ended

    def end_session(self, given: str) -> None:
        """End a session, as far as this process is concerned."""
        data = self._seal.open(given)
        if data is None:
            return
        now = self._clock()
        self._ended = {name: until for name, until in self._ended.items() if until > now}
        self._ended[data[0]] = data[1]


def _is_good(token: str) -> bool:
    return len(token) >= _LEAST and token.isascii() and token.isprintable() and " " not in token
