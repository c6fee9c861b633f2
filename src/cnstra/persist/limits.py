"""How many runs of one key may be under way, and how many may start in a while: what a claim goes by."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, final

from cnstra.errors import GraphError

__all__ = ["NO_LIMITS", "Limit", "Limits", "Start", "StartLog", "check_key"]

_GRAINS: Final = 64
"""Into so many parts the seconds of a rate are cut: starts in one part are counted together, as if at its end."""


@final
@dataclass(frozen=True, slots=True)
class Limit:
    """A limit for the runs of one key.

    Attributes:
        concurrency: How many of them may be running at any time; ``None`` for no limit.
        rate: How many of them may start in any so many seconds, as ``(10, 1.0)``; ``None`` for no limit.

    Raises:
        GraphError: If a number makes no sense, or there is none.
    """

    concurrency: int | None = None
    rate: tuple[int, float] | None = None

    def __post_init__(self) -> None:
        if self.concurrency is None and self.rate is None:
            raise GraphError("a Limit has concurrency=, rate= or both")
        if self.concurrency is not None and (type(self.concurrency) is not int or self.concurrency < 1):
            raise GraphError(f"concurrency must be a whole number of 1 or more, not {self.concurrency!r}")
        if self.rate is not None:
            _check_rate(self.rate)

    @property
    def starts(self) -> int | None:
        """How many may start in `seconds`."""
        return None if self.rate is None else self.rate[0]

    @property
    def seconds(self) -> float:
        """The seconds of the rate; 0 if there is none."""
        return 0.0 if self.rate is None else float(self.rate[1])


def _check_rate(rate: object) -> None:
    match rate:
        case (starts, int() | float() as seconds) if type(starts) is int and starts > 0 and 0 < seconds < math.inf:
            return
    raise GraphError(f"rate is how many may start and in how many seconds, such as (10, 1.0), not {rate!r}")


@final
class Limits:
    """The limits of a runner: of a key, or, with a star at the end, of each key that begins so; the longest one counts.

    Args:
        given: Key or pattern to limit.

    Attributes:
        by_pattern: The same.

    Raises:
        GraphError: If a key is none, or what is given for one is no `Limit`.
    """

    __slots__ = ("_prefixes", "by_pattern")

    def __init__(self, given: Mapping[str, Limit] | None = None) -> None:
        self.by_pattern: Mapping[str, Limit] = dict(given or {})
        for name, limit in self.by_pattern.items():
            check_key(name)
            if not isinstance(limit, Limit):
                raise GraphError(f"limits gives a Limit for each key or pattern, and for {name!r} it gives {limit!r}")
        prefixes = sorted((name[:-1] for name in self.by_pattern if name.endswith("*")), key=len, reverse=True)
        self._prefixes = tuple(prefixes)

    def of(self, key: str) -> Limit | None:
        """Return the limit of a key; ``None`` if it has none."""
        if key in self.by_pattern and not key.endswith("*"):
            return self.by_pattern[key]
        for prefix in self._prefixes:
            if key.startswith(prefix):
                return self.by_pattern[f"{prefix}*"]
        return None


NO_LIMITS: Final = Limits()


def check_key(key: object) -> None:
    """Refuse what no store can keep as the key of a run.

    Raises:
        GraphError: If it is no string, or an empty one, or has a character that no database takes.
    """
    if isinstance(key, str) and key and "\0" not in key and _is_unicode(key):
        return
    raise GraphError(f"the key of a run is a string that is not empty, not {key!r}")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Start(NamedTuple):
    """Some starts.

    Attributes:
        at: When they count as made, which is a little later than they were.
        number: How many.
    """

    at: float
    number: int


@final
class StartLog:
    """The starts of one key that a rate still counts, at one moment.

    Args:
        limit: Of the key; ``None`` for no limit.
        starts: What was logged before.
        now: The moment.
    """

    __slots__ = ("_limit", "_now", "starts")

    def __init__(self, limit: Limit | None, starts: Sequence[Start], now: float) -> None:
        self._limit = limit
        self._now = now
        seconds = 0.0 if limit is None else limit.seconds
        # What lies in the future was logged before the clock was set back, and is nothing to go by.
        self.starts = [one for one in starts if now - seconds < one.at <= now + seconds]

    @classmethod
    def read(cls, limit: Limit | None, text: str | None, now: float) -> StartLog:
        """Return the log that `text` wrote."""
        return cls(limit, [Start(*one) for one in json.loads(text or "[]")], now)

    @property
    def text(self) -> str | None:
        """The log as JSON; ``None`` if it is empty."""
        return json.dumps(self.starts, separators=(",", ":")) if self.starts else None

    def room(self, running: int) -> int | None:
        """Return how many more may start, with so many running; ``None`` for any number."""
        if self._limit is None:
            return None
        rooms = []
        if self._limit.concurrency is not None:
            rooms.append(self._limit.concurrency - running)
        if self._limit.starts is not None:
            rooms.append(self._limit.starts - sum(one.number for one in self.starts))
        return max(0, min(rooms))

    def add(self, count: int, at: float) -> None:
        """Log that so many have started, the last one at *at*."""
        if self._limit is None or self._limit.rate is None or not count:
            return
        grain = self._limit.seconds / _GRAINS
        at = math.ceil(at / grain) * grain
        if self.starts and self.starts[-1].at == at:
            count += self.starts.pop().number
        self.starts.append(Start(at, count))

    @property
    def opens_at(self) -> float | None:
        """When the rate lets one more start; ``None`` if it does now."""
        limit = self._limit
        if limit is None or limit.starts is None or sum(one.number for one in self.starts) < limit.starts:
            return None
        left = sum(one.number for one in self.starts)
        for one in self.starts:
            left -= one.number
            if left < limit.starts:
                return one.at + limit.seconds
        return None

    @property
    def is_over_at(self) -> float | None:
        """When nothing of it counts any more; ``None`` if nothing does now."""
        return self.starts[-1].at + self._limit.seconds if self.starts and self._limit is not None else None
