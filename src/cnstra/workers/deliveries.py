"""What goes into a job handler, and what comes out: a delivery, and what the broker should do with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, final

if TYPE_CHECKING:
    from cnstra.workers.policy import RetryPolicy
    from cnstra.workers.ports import Checkpoint

__all__ = ["Dead", "Delivery", "Done", "Outcome", "Retry"]


@final
@dataclass(frozen=True, slots=True)
class Delivery:
    """One job as a broker hands it over, perhaps not for the first time.

    Attributes:
        job_id: The broker's id of the job, the same at each delivery; it becomes the ``stimulation_id``, unless the job
            brings one of its own. ``None`` if the broker has no such id.
        data: The job: JSON as text or bytes, or what it decodes to.
        attempt: Which start of the job this is by the broker's count, from 1; ``None`` if it does not count. Only a job
            without a run store needs it, since the store has its own.
        size: The bytes of the job as it travelled; measured if it is ``None``.
        checkpoint: Where the job keeps its progress if there is no run store.
        policy: When the run is started again if it fails, for brokers whose jobs say so themselves; if it is ``None``,
            the handler's policy decides.
        message: The broker's own object, for whoever made the delivery: nothing here looks at it.
    """

    job_id: str | None
    data: Mapping[str, Any] | str | bytes | bytearray
    _: KW_ONLY
    attempt: int | None = None
    size: int | None = None
    checkpoint: Checkpoint | None = None
    policy: RetryPolicy | None = None
    message: Any = field(default=None, repr=False, compare=False)


@final
@dataclass(frozen=True, slots=True)
class Done:
    """The run is complete, and that is stored: acknowledge the delivery.

    Attributes:
        attempt_number: The attempt that completed it.
        repeated: Whether it was complete before this delivery, which has changed nothing then.
    """

    attempt_number: int = 1
    repeated: bool = False


@final
@dataclass(frozen=True, slots=True)
class Retry:
    """The run is not over: have the job delivered again. What was done so far is stored, and is not done again.

    Attributes:
        after: Not before so many seconds; 0 for as soon as another worker can take it.
        reason: Why, for a log.
        is_failure: Whether the run has failed. It has not if another worker has the run, the store cannot be reached,
            or this worker stops: a broker that counts tries should count nothing then.
        error: What was raised, if anything was.
    """

    after: float
    reason: str = ""
    is_failure: bool = False
    error: BaseException | None = field(default=None, repr=False, compare=False)


@final
@dataclass(frozen=True, slots=True)
class Dead:
    """Nothing will come of this job: put it with the dead letters, and do not deliver it again.

    Attributes:
        reason: Why, for the person who finds it there.
        error: What was raised, if anything was.
    """

    reason: str
    error: BaseException | None = field(default=None, repr=False, compare=False)


Outcome: TypeAlias = Done | Retry | Dead
"""What to do with a delivery that was handled."""
