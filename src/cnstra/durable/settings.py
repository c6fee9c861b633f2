"""What a worker is told about how to work, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

from cnstra.durable.arguments import seconds, whole
from cnstra.durable.retention import DEFAULT_RETENTION, Retention, RetentionPolicy
from cnstra.errors import GraphError
from cnstra.persist.limits import NO_LIMITS, Limits

__all__ = ["DEFAULT_LOG_LINES", "DEFAULT_MAX_ACTIVE_RUNS", "DEFAULT_MAX_RECOVERIES", "Settings"]

DEFAULT_MAX_ACTIVE_RUNS: Final = 1000
DEFAULT_MAX_RECOVERIES: Final = 5
DEFAULT_LOG_LINES: Final = 100
_MAX_POLL: Final = 5.0


@final
@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a worker; see `DurableRunner`.

    Raises:
        GraphError: If an option makes no sense.
    """

    lease: float = 15.0
    heartbeat: float | None = None
    poll: float | None = None
    max_staleness: float = 2.0
    grace: float = 10.0
    max_active_runs: int = DEFAULT_MAX_ACTIVE_RUNS
    max_recoveries: int | None = DEFAULT_MAX_RECOVERIES
    retention: RetentionPolicy = DEFAULT_RETENTION
    handle_sigterm: bool = True
    limits: Limits = NO_LIMITS
    keeps_commands: bool = False
    log_lines: int = DEFAULT_LOG_LINES

    def __post_init__(self) -> None:
        for name in ("lease", "max_staleness", "grace"):
            seconds(getattr(self, name), name)
        for name in ("heartbeat", "poll"):
            if getattr(self, name) is not None:
                seconds(getattr(self, name), name)
        if self.heartbeat is not None and self.heartbeat > self.lease / 2:
            raise GraphError(
                f"heartbeat={self.heartbeat:g} must be at most half of lease={self.lease:g}: one beat may be lost"
            )
        whole(self.max_active_runs, "max_active_runs", 0)
        if self.max_recoveries is not None:
            whole(self.max_recoveries, "max_recoveries", 0)
        whole(self.log_lines, "log_lines", 0)
        Retention(self.retention)

    @property
    def between_beats(self) -> float:
        """Seconds between two heartbeats."""
        return self.lease / 3 if self.heartbeat is None else self.heartbeat

    @property
    def between_looks(self) -> float:
        """Seconds between two looks at the store when it tells nothing."""
        return min(self.lease / 3, _MAX_POLL) if self.poll is None else self.poll
