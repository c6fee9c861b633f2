"""What the tables are called: the SQL of this package is written for one schema, and the given names are put in."""

from __future__ import annotations

import hashlib
import re
from typing import Final, final

from psycopg import sql

from cnstra.errors import StoreError

__all__ = ["DEFAULT_SCHEMA", "TABLES", "Names"]

DEFAULT_SCHEMA: Final = "cnstra"
TABLES: Final = (
    "meta",
    "workers",
    "runs",
    "progress",
    "attempts",
    "frontier",
    "signals",
    "history",
    "contexts",
    "hops",
    "marks",
    "keys",
    "commands",
)

_TABLE = re.compile(rf"\bcnstra\.({'|'.join(TABLES)})\b")
_NOW = re.compile(r"\bcnstra\.now\b")
_INDEX = re.compile(r"\bINDEX (\w+) ON\b")
_DROPPED = re.compile(r"\bDROP INDEX (\w+)")
_MAX_SCHEMA = 63
_MAX_PREFIX = 40  # bytes of the 63 that a name may have; the others are for the names of tables and indexes


@final
class Names:
    """The names of one store's tables and channels.

    In a statement ``cnstra.runs`` stands for a table, quoted and with its schema, and ``cnstra.now`` for the server's
    time in seconds since the epoch, which is the same throughout a statement.

    Args:
        schema: Where the tables are.
        prefix: What their names begin with.

    Raises:
        StoreError: If Postgres could not have such names.
    """

    def __init__(self, schema: str, prefix: str) -> None:
        _check("schema", schema, _MAX_SCHEMA)
        _check("prefix", prefix, _MAX_PREFIX)
        if not schema:
            raise StoreError("the schema has no name; leave it out for 'cnstra', or name one")
        self.schema = schema
        self.prefix = prefix
        self.tables = tuple(prefix + table for table in TABLES)
        # All names in it are ASCII and short, whatever the schema is called.
        self.channel = f"cnstra_{_digest(f'{schema}.{prefix}')[:16]}"
        self.lock_number = int.from_bytes(
            hashlib.sha256(f"cnstra:{schema}.{prefix}".encode()).digest()[:8], signed=True
        )
        self._filled: dict[str, bytes] = {}

    def channel_of(self, scope: str) -> str:
        """Return the channel on which it is told that runs of *scope* are free; the SQL `TELL` makes the same name."""
        return f"{self.channel}_{_digest(scope)[:32]}"

    def fill(self, text: str) -> bytes:
        """Return a statement of this package with the names put in; its parameters are called ``$1`` and so on."""
        filled = self._filled.get(text)
        if filled is None:
            filled = self._filled[text] = self._fill(text).encode()
        return filled

    def fill_percent(self, text: str) -> bytes:
        """Do the same for a statement with parameters ``%s`` or ``%(name)s``, where another percent sign is doubled."""
        filled = self._filled.get(text)
        if filled is None:
            filled = self._filled[text] = self._fill(text, percent="%%").encode()
        return filled

    def script(self, text: str) -> bytes:
        """Return a migration with the names put in, those of indexes too."""
        text = _DROPPED.sub(lambda match: f"DROP INDEX {_quote(self.schema)}.{self._quoted(match[1])}", text)
        return self._fill(_INDEX.sub(lambda match: f"INDEX {self._quoted(match[1])} ON", text)).encode()

    def _fill(self, text: str, percent: str = "%") -> str:
        def qualified(match: re.Match[str]) -> str:
            return f"{_quote(self.schema)}.{self._quoted(match[1])}".replace("%", percent)

        text = _TABLE.sub(qualified, text)
        return _NOW.sub("extract(epoch FROM statement_timestamp())::double precision", text)

    def _quoted(self, name: str) -> str:
        return _quote(self.prefix + name)


def _check(what: str, name: str, most: int) -> None:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise StoreError(f"the {what} {name!r} is no valid Unicode") from None
    if "\0" in name or size > most:
        raise StoreError(f"the {what} {name!r} is no name for Postgres: at most {most} bytes, and no NUL character")


def _quote(name: str) -> str:
    return sql.Identifier(name).as_string()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
