"""How much burns: little in CI, much in a soak, which the variable CNSTRA_SOAK asks for."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from typing import Final, final

__all__ = ["SCALE", "Scale"]


@final
@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers of all tests.

    Attributes:
        runs: Of a fire with a killer.
        tormented: Runs of a fire whose server crashes, or whose connections are cut.
        outages: How often it crashes.
        transfers: Of money.
        waiting: Runs that wait.
        seed: Of what is left to chance; in a soak another one each time, unless CNSTRA_SOAK is a number above 1.
        patience: After so many seconds a fire must be out.
    """

    runs: int = 210
    tormented: int = 105
    outages: int = 4
    transfers: int = 300
    waiting: int = 10_000
    seed: int = 7
    patience: float = 90.0


def _scale(asked: str) -> Scale:
    if not asked or asked == "0":
        return Scale()
    seed = int(asked) if asked.isdecimal() and asked != "1" else random.randrange(2, 1_000_000)
    return Scale(2_002, 1_001, 40, 1_000, 100_000, seed, 1_800.0)


SCALE: Final = _scale(os.environ.get("CNSTRA_SOAK", ""))
