"""Checks on stored JSON that a typed decoder does not make: depth, repeated keys, and what would be dropped unread."""

from __future__ import annotations

import json
from collections import Counter
from itertools import accumulate
from typing import Any

from cnstra.persist.parts import key_suffix

__all__ = ["MAX_DEPTH", "depth_of", "first_dropped", "parse"]

MAX_DEPTH = 256
"""How many arrays and objects may be open at once: far below what the recursion of any decoder here survives."""

_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_BESIDE_BRACKETS = bytes(set(range(256)) - _STEPS.keys())


def depth_of(data: bytes) -> int:
    """Return how deeply the JSON text *data* nests, found without recursion; 0 if it cannot be over `MAX_DEPTH`."""
    opened = data.count(b"[") + data.count(b"{")
    if opened <= MAX_DEPTH:
        return 0
    unescaped = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(unescaped.split(b'"')[::2])
    brackets = outside_strings.translate(None, _BESIDE_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def parse(data: bytes) -> Any:
    """Return *data* as plain Python data.

    Raises:
        ValueError: If it is not JSON, or an object in it has a key twice.
    """
    return _DECODER.decode(data.decode())


def first_dropped(stored: Any, kept: Any) -> str | None:
    """Return the path of a part of *stored* that *kept* lacks, or ``None``; both are plain data.

    What counts is how often each key and each list has content, not where: the members of a set come back in any order.
    """
    places: dict[tuple[int, str | None], int] = {}
    had, has = _count(stored, places), _count(kept, places)
    parents = {place: step for step, place in places.items()}
    for place in sorted(had):
        if has[place] < had[place]:
            return _path_to(place, parents)
    return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise ValueError(f"the key {twice!r} appears twice in one object")
    return entries


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _count(document: Any, places: dict[tuple[int, str | None], int]) -> Counter[int]:
    # A place is a number, not a path of text: a long key above many parts would be copied once for each of them.
    counts: Counter[int] = Counter()
    stack = [(0, document)]
    while stack:
        place, value = stack.pop()
        counts[place] += 1
        if isinstance(value, dict):
            stack.extend((places.setdefault((place, key), len(places) + 1), part) for key, part in value.items())
        elif isinstance(value, list):
            stack.extend((places.setdefault((place, None), len(places) + 1), part) for part in value)
    return counts


def _path_to(place: int, parents: dict[int, tuple[int, str | None]]) -> str:
    suffixes = []
    while place:
        place, key = parents[place]
        suffixes.append("[...]" if key is None else key_suffix(key))
    return "$" + "".join(reversed(suffixes))
