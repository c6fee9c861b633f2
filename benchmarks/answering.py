"""What a peer's process says: the rate of the chain that it is asked for, until its input ends.

A line of input is ``{"runs": 50, "hops": 200}``; a line of output is ``{"rate": 437.1, "version": "3.4.0", "variant":
"threads"}``: steps a second, and how they were made. Nothing of cnstra is in such a process, and nothing of the peer's
is in ours.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TypeAlias

__all__ = ["TEXT", "Item", "Variant", "serve"]

Item: TypeAlias = dict[str, "int | str"]
"""What is handed from step to step: 100 bytes as JSON."""
Variant: TypeAlias = Callable[[int, int], None]
"""Takes that many runs of that many steps to their ends, all of them at once."""

TEXT = "x" * 73
_TRIAL_HOPS = 20


def serve(version: str, variants: Mapping[str, Variant]) -> None:
    """Answer every line of input, each time by the variant that was the fastest for that many runs in a short trial."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    fastest: dict[int, str] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        runs, hops = asked["runs"], asked["hops"]
        if runs not in fastest:
            fastest[runs] = _fastest(variants, runs)
        name = fastest[runs]
        answer = {"rate": _rate(variants[name], runs, hops), "version": version, "variant": name}
        print(json.dumps(answer), file=out, flush=True)


def _fastest(variants: Mapping[str, Variant], runs: int) -> str:
    for variant in variants.values():
        variant(runs, 2)
    return max(variants, key=lambda name: _rate(variants[name], runs, _TRIAL_HOPS))


def _rate(variant: Variant, runs: int, hops: int) -> float:
    start = perf_counter()
    variant(runs, hops)
    return runs * hops / (perf_counter() - start)
