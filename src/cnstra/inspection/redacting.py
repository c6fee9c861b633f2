"""What must not leave the server: by the names of keys, by declared types, and by a function of the user's."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection
from typing import Any, Final, TypeAlias, final

import msgspec

from cnstra.errors import GraphError

__all__ = ["DEFAULT_KEYS", "Redaction", "RedactionHook"]

_logger = logging.getLogger("cnstra.inspection")

RedactionHook: TypeAlias = Callable[[str, Any], Any]
"""``f(name, data)`` returns what may be shown of some JSON data; *name* is what the data is stored under."""

DEFAULT_KEYS: Final = (
    r"pass(?:word|wd|phrase|code)|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential"
    r"|authori[sz]ation|cookie|session[-_]?id|connection[-_]?string|card[-_]?(?:number|no)|cvv|cvc|iban|signature"
)
"""Keys whose values are not shown, in upper or lower case, wherever in the key the word is."""

_WITH_CREDENTIALS: Final = (
    re.compile(r"(?P<keep>[A-Za-z][A-Za-z0-9+.-]{0,31}://[^\s/:@]{0,256}:)[^\s/@]{1,1024}(?=@)"),  # an address
    re.compile(r"(?i)(?P<keep>\b(?:bearer|basic)\s{1,8})[A-Za-z0-9+/=_.~-]{8,}"),  # a header
)
# Every repetition in front of something else is bounded: a hostile text must not take quadratic time.
_VALUE: Final = r"(?:\"(?:[^\"\\]|\\.){0,4096}\"?|'(?:[^'\\]|\\.){0,4096}'?|[^\s,;&)}\]\"']{1,4096})"
_KEPT: Final = r"\g<keep>[redacted]"


@final
class Redaction:
    """Takes secrets out of what is shown.

    Args:
        keys: A regular expression: the value of a key that has a match of it is not shown.
        hook: Sees data last, and returns what may be shown of it.

    Raises:
        GraphError: If *keys* is no regular expression.
    """

    def __init__(self, keys: str = DEFAULT_KEYS, hook: RedactionHook | None = None) -> None:
        self.is_secret_key: Callable[[str], object] = _compiled(keys, keys).search
        """Tells whether the values of a key are not shown."""
        self._hook = hook
        # What the word begins with is kept anyway, so it need not be matched, which would cost most of the time.
        key = rf"(?:{keys})[\w.-]{{0,64}}[\"']?\s{{0,8}}[=:]\s{{0,8}}"
        self._assigned = _compiled(f"(?P<keep>{key}){_VALUE}", keys)

    def data(self, data: Any, secrets: Collection[str] = (), name: str = "") -> Any:
        """Return what may be shown of JSON data.

        Args:
            data: The data; it is left as it is.
            secrets: Keys that the declared type says are secret; ``""`` says so of the data itself.
            name: What the data is stored under, for the hook.

        Raises:
            RecursionError: If it is nested too deeply.
        """
        shown: Any = {"$redacted": "type"} if "" in secrets else self._copy(data, frozenset(secrets))
        if self._hook is None:
            return shown
        try:
            return msgspec.to_builtins(self._hook(name, shown))  # what is no data could not be sent
        except Exception:  # code of the user's; what it could not look at is not shown
            _logger.exception("the redaction hook failed; what it was asked about is not shown")
            return {"$redacted": "hook failed"}

    def text(self, text: str) -> str:
        """Return what may be shown of an error message, a traceback, or another text of no known form."""
        return self._assigned.sub(_KEPT, _without_credentials(text))

    def _copy(self, data: Any, secrets: frozenset[str]) -> Any:
        if isinstance(data, dict):
            return {key: self._entry(key, value, secrets) for key, value in data.items()}
        if isinstance(data, list):
            return [self._copy(item, secrets) for item in data]
        return _without_credentials(data) if isinstance(data, str) else data

    def _entry(self, key: str, value: Any, secrets: frozenset[str]) -> Any:
        if key in secrets:
            return {"$redacted": "type"}
        if value is not None and not isinstance(value, bool) and self.is_secret_key(key):
            return {"$redacted": "key"}
        return self._copy(value, secrets)


def _compiled(pattern: str, keys: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise GraphError(f"redact_keys is a regular expression, which {keys!r} is not: {error}") from error


def _without_credentials(text: str) -> str:
    for pattern in _WITH_CREDENTIALS:
        text = pattern.sub(_KEPT, text)
    return text
