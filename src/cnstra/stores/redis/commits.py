"""Committing deltas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cnstra.errors import StoreError
from cnstra.persist.delta import Delta
from cnstra.stores.redis.keys import Keyspace, parse_handle, to_bytes, to_text
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.packing import delta_arguments
from cnstra.stores.redis.scripts import CHANGING, Script

__all__ = ["commit"]

_COMMIT: Final = Script("commit", *CHANGING)

_MOST_ARGUMENTS: Final = 1000
"""After how many arguments a call is full: the server does nothing else meanwhile, for a millisecond or so."""


async def commit(link: Link, deltas: Sequence[Delta]) -> list[bool]:
    """Apply *deltas*; tell for each whether it is applied now."""
    if len(deltas) == 1:  # what a single run does on every hop
        return await _commit_in_order(link, deltas)
    scopes: dict[str | None, list[int]] = {}
    for place, delta in enumerate(deltas):
        parsed = parse_handle(delta.key)
        scopes.setdefault(parsed and parsed[0], []).append(place)
    outcome = [False] * len(deltas)
    for places in scopes.values():
        applied = await _commit_in_order(link, [deltas[place] for place in places])
        for place, is_applied in zip(places, applied, strict=True):
            outcome[place] = is_applied
    return outcome


async def _commit_in_order(link: Link, deltas: Sequence[Delta]) -> list[bool]:
    """Apply deltas of one scope, some at a time."""
    handle = parse_handle(deltas[0].key)
    if handle is None:
        return [False] * len(deltas)
    space = link.space(handle[0])
    outcome: list[bool] = []
    with link.explaining():  # before anything is sent: what cannot be packed harms nobody else
        calls = list(_calls(space, deltas))
    for keys, arguments in calls:
        answers = await link.call(_COMMIT, keys, arguments)
        for answer in answers:
            if isinstance(answer, bytes):
                run_id = deltas[len(outcome)].stimulation_id
                raise StoreError(f"{link.label}: run {run_id!r} takes no commit: {to_text(answer)}")
            outcome.append(answer == 1)
    return outcome


def _calls(space: Keyspace, deltas: Sequence[Delta]) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Yield keys and arguments of the calls that apply *deltas*."""
    keys, arguments = [*space.indexes], [*space.telling]
    for delta in deltas:
        handle = parse_handle(delta.key)
        keys += space.of_run(to_bytes(delta.stimulation_id))
        arguments += delta_arguments(delta, -1 if handle is None else handle[1])
        if len(arguments) > _MOST_ARGUMENTS:
            yield keys, arguments
            keys, arguments = [*space.indexes], [*space.telling]
    if len(arguments) > len(space.telling):
        yield keys, arguments
