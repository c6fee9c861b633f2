"""What the logs of workers that were killed say of the hops of their runs."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["run_again"]


def run_again(log: Sequence[str]) -> list[str]:
    """Return the hops that ran although they were committed: those that ran after one that follows from them."""
    reached_by: dict[str, int] = {}
    again = []
    for entry in log:
        item, name, _ = entry.split()
        number = int(name[1:])
        if number < reached_by.get(item, 0):
            again.append(entry)
        reached_by[item] = max(number, reached_by.get(item, 0))
    return again
