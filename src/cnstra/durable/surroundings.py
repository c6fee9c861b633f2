"""What a worker takes from outside; a simulation puts its own in the place of threads, process ids and chance."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

from cnstra.durable.heartbeat import Heartbeat, MakePulse
from cnstra.durable.identity import Host, ThisProcess

__all__ = ["REAL", "Surroundings"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The surroundings of a worker; the default is the real process.

    Time is the event loop's, and the worker reads no other clock to decide anything.

    Attributes:
        host: Who the worker is, and who has died.
        pulse: Makes what renews its lease.
        random: For the pauses between tries.
    """

    host: Host = field(default_factory=ThisProcess)
    pulse: MakePulse = Heartbeat
    random: Random = field(default_factory=Random)


REAL: Final = Surroundings()
"""The real process."""
