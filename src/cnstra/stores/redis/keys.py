"""How things are called in Redis: the keys of runs, of indexes and of workers, and the handles of runs.

All keys of a scope have one hash tag, so that in a cluster they are in one slot: only there can one script change a run
together with the indexes that it is found by. What belongs to all scopes, the workers, has a tag of its own. Ids and
scopes are data and may hold anything: an id stands last in its key, and a scope is escaped.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple, final, get_args

from cnstra.errors import StoreError
from cnstra.persist.records import RunStatus

__all__ = [
    "EVERYWHERE",
    "FINAL",
    "MAX_NUMBER",
    "STATUSES",
    "Keyspace",
    "RunKeys",
    "check_prefix",
    "handle_of",
    "parse_handle",
    "shared_key",
    "to_bytes",
    "to_text",
]

STATUSES: Final[tuple[RunStatus, ...]] = get_args(RunStatus)
FINAL: Final[tuple[RunStatus, ...]] = ("completed", "failed", "aborted")

EVERYWHERE: Final = b""
"""The message that tells of a change that concerns every scope."""

_NUMBER_BITS: Final = 48
MAX_NUMBER: Final = (1 << _NUMBER_BITS) - 1
_ESCAPES: Final = str.maketrans({"%": "%25", ":": "%3A", "{": "%7B", "}": "%7D"})


def to_bytes(text: str) -> bytes:
    """Return *text* as it is stored; text that is no valid Unicode too."""
    return text.encode("utf-8", "surrogatepass")


def to_text(stored: bytes) -> str:
    """Return what `to_bytes` was given."""
    return stored.decode("utf-8", "surrogatepass")


def handle_of(scope: str, number: int) -> int:
    """Return the handle of a run, an integer that holds the scope too: a delta tells nothing else of it."""
    return int.from_bytes(b"\x01" + to_bytes(scope), "big") << _NUMBER_BITS | number


@lru_cache(maxsize=256)
def _scope_of(upper: int) -> str | None:
    """Return the scope in the upper part of a handle; ``None`` if it is none of ours."""
    stored = upper.to_bytes((upper.bit_length() + 7) // 8, "big") if upper > 0 else b""
    return to_text(stored[1:]) if stored.startswith(b"\x01") else None


def parse_handle(handle: int) -> tuple[str, int] | None:
    """Return scope and number of a run; ``None`` for an integer that is no handle of this kind of store."""
    scope = _scope_of(handle >> _NUMBER_BITS)
    return None if scope is None else (scope, handle & MAX_NUMBER)


def shared_key(prefix: str, kind: str) -> bytes:
    """Return the key of something that belongs to all scopes."""
    return to_bytes(f"{{{prefix}}}:{kind}")


class RunKeys(NamedTuple):
    """The keys of one run.

    Attributes:
        run: A hash: its own fields, and all that a resume needs; see ``scripts/fields.lua``.
        signals: A hash of signals by ordinal.
        history: A list of settled activations.
        failures: A hash of the errors of failed tasks of the frontier, by ordinal.
        attempts: A hash, ``<number>:<name>`` to what that attempt has under that name.
    """

    run: bytes
    signals: bytes
    history: bytes
    failures: bytes
    attempts: bytes


@final
class Keyspace:
    """The keys of one scope.

    Args:
        prefix: Of the store.
        scope: The scope.

    Attributes:
        scope: The scope.
        indexes: What every script that changes a run is given first; see ``scripts/indexes.lua``.
        telling: The channel where changes are told, and the message that tells of one in this scope.
        counter: The number of the newest run.
        paces: The keys of runs whose rate counts less later, by when it does.
        marks: A hash, how far what goes by the clock has come.
        commands: What every script about commands is given; see ``scripts/commands.lua``.
        of_run: Returns the keys of the run with that id.
    """

    def __init__(self, prefix: str, scope: str) -> None:
        self.scope = scope
        self._tag = to_bytes(f"{{{prefix}:{scope.translate(_ESCAPES)}}}")
        self.open, self.due, self.aborts = self._index("open"), self._index("due"), self._index("aborts")
        self._with = {status: self._index(status) for status in STATUSES}
        self._ended = {status: self._index(f"ended:{status}") for status in FINAL}
        self.paces = self._index("paces")
        keyed = [self._index(name) for name in ("keyed", "slots", "ready", "heads")]
        ended = self._ended.values()
        self.indexes = (
            *(self.open, self.due, self.aborts, *self._with.values(), *ended),
            *(*keyed, self.paces, self._index("starts")),
        )
        self.telling = (shared_key(prefix, "changed"), b"=" + to_bytes(scope))
        self.counter, self.marks = self._index("last"), self._index("marks")
        names = ("commands", "commands:waiting", "commands:taken", "commands:ended", "commands:about")
        self.commands = tuple(map(self._index, names))
        self.of_run = lru_cache(maxsize=2048)(self._of_run)  # a hop takes 1 us less for it

    def _index(self, name: str) -> bytes:
        return b"%b:%b" % (self._tag, name.encode())

    def with_status(self, status: RunStatus) -> bytes:
        """Return the index of the runs in *status*."""
        return self._with[status]

    def ended_with(self, status: RunStatus) -> bytes:
        """Return the index of the runs that ended in *status*, by when they did."""
        return self._ended[status]

    def _of_run(self, run_id: bytes) -> RunKeys:
        return RunKeys._make(b"%b:%b:%b" % (self._tag, kind, run_id) for kind in _KINDS)


_KINDS: Final = tuple(field.encode() for field in RunKeys._fields)


def check_prefix(prefix: str) -> None:
    """Refuse a prefix that would not be a hash tag.

    Raises:
        StoreError: If it is empty or has a brace.
    """
    if not prefix or "{" in prefix or "}" in prefix:
        raise StoreError(f"the prefix {prefix!r} cannot stand in the hash tag of a key: give one without braces")
