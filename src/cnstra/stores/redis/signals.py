"""Reading some of the signals of many runs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from cnstra.errors import StoreError
from cnstra.persist.records import SignalRow
from cnstra.stores.redis.errors import BadRow, unreadable
from cnstra.stores.redis.keys import Keyspace
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.packing import pack
from cnstra.stores.redis.rows import signal_of
from cnstra.stores.redis.script import Script

__all__ = ["signals_of"]

_SIGNALS: Final = Script("signals")
_AT_ONCE: Final = 1000


async def signals_of(
    link: Link, space: Keyspace, wanted: Sequence[tuple[bytes, Sequence[int]]]
) -> list[dict[int, SignalRow] | StoreError]:
    """Read signals, by ordinal, of every run that is given with ordinals; of a run where one is unreadable, the error.

    A signal that is not there is left out.
    """
    found: list[dict[int, SignalRow] | StoreError] = [{} for _ in wanted]
    places = [(place, ordinal) for place, (_, ordinals) in enumerate(wanted) for ordinal in ordinals]
    for start in range(0, len(places), _AT_ONCE):
        some = [
            (place, [ordinal for _, ordinal in group])
            for place, group in groupby(places[start : start + _AT_ONCE], key=lambda one: one[0])
        ]
        keys = [space.of_run(wanted[place][0]).signals for place, _ in some]
        answers = await link.call(_SIGNALS, keys, [pack(ordinals) for _, ordinals in some])
        for (place, ordinals), answer in zip(some, answers, strict=True):
            found[place] = _added(found[place], ordinals, answer, link.label, wanted[place][0])
    return found


def _added(
    found: dict[int, SignalRow] | StoreError,
    ordinals: Sequence[int],
    answer: bytes | Sequence[bytes | None],
    label: str,
    run_id: bytes,
) -> dict[int, SignalRow] | StoreError:
    if isinstance(found, StoreError):
        return found
    if isinstance(answer, bytes):
        return unreadable(label, run_id, answer)
    try:
        more = {n: signal_of(n, stored) for n, stored in zip(ordinals, answer, strict=True) if stored is not None}
    except BadRow as error:
        return unreadable(label, run_id, error)
    return found | more
