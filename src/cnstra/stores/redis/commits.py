"""Committing deltas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, final

from cnstra.errors import StoreError
from cnstra.persist.delta import Delta
from cnstra.stores.redis.errors import advised
from cnstra.stores.redis.keys import Keyspace, parse_handle, to_bytes
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.packing import delta_arguments
from cnstra.stores.redis.script import CHANGING, Script

if TYPE_CHECKING:
    from cnstra.stores.redis.prompt import PromptServer

__all__ = ["commit", "commit_now"]

_HOPS: Final = ("clock", "arguments", "hops")
_COMMIT: Final = Script("commit", *_HOPS)
_FINISH: Final = Script("finish", *CHANGING, *_HOPS[1:])
_APPLIED: Final = (ord("1"), b"1")
_REFUSED: Final = (ord("0"), b"0")

_MOST_ARGUMENTS: Final = 1000
"""After how many arguments a call is full: the server does nothing else meanwhile, for a millisecond or so."""
_MOST_PROMPT_ARGUMENTS: Final = 100


@final
class _Call:
    """One call of a script.

    Attributes:
        keys: Of the runs.
        arguments: The deltas.
        places: Where these are among all deltas.
        has_end: Whether one of them ends an attempt, which takes a larger script.
    """

    __slots__ = ("_space", "arguments", "has_end", "keys", "places")

    def __init__(self, space: Keyspace) -> None:
        self._space = space
        self.keys: list[bytes] = []
        self.arguments: list[bytes] = []
        self.places: list[int] = []
        self.has_end = False

    def add(self, place: int, delta: Delta, number: int) -> None:
        """Take in a delta of the run with that number."""
        self.keys.extend(self._space.of_run(to_bytes(delta.stimulation_id)))
        self.arguments.extend(delta_arguments(delta, number))
        self.places.append(place)
        self.has_end = self.has_end or delta.ended is not None

    def parts(self) -> tuple[Script, list[bytes], list[bytes]]:
        """Return script, keys and arguments."""
        if not self.has_end:
            return _COMMIT, self.keys, self.arguments
        return _FINISH, [*self._space.indexes, *self.keys], [*self._space.telling, *self.arguments]


async def commit(link: Link, deltas: Sequence[Delta]) -> list[bool]:
    """Apply *deltas*; tell for each whether it is applied now."""
    with link.explaining():  # before anything is sent: what cannot be packed harms nobody else
        calls = _calls(link, deltas)
    outcome = [False] * len(deltas)
    for call in calls:
        _note(link, deltas, call, await link.call(*call.parts()), outcome)
    return outcome


def commit_now(link: Link, server: PromptServer, deltas: Sequence[Delta]) -> list[bool] | None:
    """Apply *deltas*, waiting for the answer, if they fit into one small call."""
    with link.explaining():
        calls = _calls(link, deltas)
        if len(calls) != 1 or len(calls[0].arguments) > _MOST_PROMPT_ARGUMENTS:
            return None
        outcome = [False] * len(deltas)
        _note(link, deltas, calls[0], server.call(*calls[0].parts()), outcome)
        return outcome


def _calls(link: Link, deltas: Sequence[Delta]) -> list[_Call]:
    """Distribute *deltas* to calls, each of one scope; one that is of no run of this kind of store is in none."""
    calls: list[_Call] = []
    gathering: dict[str, _Call] = {}
    for place, delta in enumerate(deltas):
        handle = parse_handle(delta.key)
        if handle is None:
            continue
        scope, number = handle
        call = gathering.get(scope)
        if call is None:
            call = gathering[scope] = _Call(link.space(scope))
            calls.append(call)
        call.add(place, delta, number)
        if len(call.arguments) > _MOST_ARGUMENTS:
            del gathering[scope]
    return calls


def _note(
    link: Link, deltas: Sequence[Delta], call: _Call, answer: bytes | Sequence[bytes], outcome: list[bool]
) -> None:
    """Take over into *outcome* what the script has answered to a call."""
    for place, one in zip(call.places, answer, strict=True):
        if one in _APPLIED:
            outcome[place] = True
        elif one not in _REFUSED:
            problem = advised(one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one))
            raise StoreError(f"{link.label}: run {deltas[place].stimulation_id!r} takes no commit: {problem}")
