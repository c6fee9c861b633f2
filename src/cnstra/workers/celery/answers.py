"""Telling Celery what a job handler has decided."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, assert_never, cast, final

from cnstra.errors import CNSError
from cnstra.workers.celery.client import Reject, TriedAgain, confirming_producer, direct_queue
from cnstra.workers.celery.producing import CONFIRMED_WITHIN
from cnstra.workers.deliveries import Dead, Done, Outcome, Retry
from cnstra.workers.judging import text_of

if TYPE_CHECKING:
    from cnstra.workers.celery.client import Task

__all__ = ["Answers", "DeadJob"]

logger = logging.getLogger("cnstra")

_PAUSE: Final = 1.0
"""Seconds to wait before a message goes back that could not be sent on, or it would come around at full speed."""


class DeadJob(CNSError):
    """A job that nothing will come of; awaiting its result raises this."""


@final
class Answers:
    """Answers deliveries, from within the task.

    Args:
        dead_letters: The queue that dead jobs are sent to, if that is wanted.
    """

    def __init__(self, dead_letters: str | None) -> None:
        self._dead_letters = dead_letters

    def give(self, task: Task, outcome: Outcome) -> Mapping[str, object]:
        """Return the result of the task, or raise what makes Celery do what is to be done."""
        match outcome:
            case Done():
                return {"attempt_number": outcome.attempt_number, "repeated": outcome.repeated}
            case Retry(after=0):
                raise Reject(outcome.reason, requeue=True)
            case Retry():
                raise self._trying_again(task, outcome)
            case Dead():
                raise self._burying(task, outcome) from outcome.error
            case _:
                assert_never(outcome)

    def _trying_again(self, task: Task, outcome: Retry) -> Exception:
        """Send the task once more for later; what is returned has this delivery acknowledged.

        `Task.retry` would do the same, but lose the job if it cannot be sent, and count what is no failure.
        """
        retries = task.request.retries + outcome.is_failure
        _send(task, countdown=outcome.after, retries=retries)
        return cast("Exception", TriedAgain(outcome.reason, when=outcome.after))

    def _burying(self, task: Task, outcome: Dead) -> Exception:
        """Send the task to the dead letters; what is returned has Celery fail the task, and reject this delivery."""
        if self._dead_letters is not None:
            _send(task, queue=direct_queue(self._dead_letters), headers={"cnstra-reason": outcome.reason[:1000]})
        return DeadJob(outcome.reason)


def _send(task: Task, **options: object) -> None:
    """Send the task once more; if the broker does not take it, give this delivery back.

    Raises:
        Reject: If it could not be sent.
    """
    request = task.request
    try:
        with confirming_producer(task.app) as producer:
            signature = task.signature_from_request(request, **options)
            signature.apply_async(producer=producer, confirm_timeout=CONFIRMED_WITHIN)
    except Exception as error:
        logger.warning("job %s could not be sent on, and goes back as it is: %s", request.id, text_of(error))
        time.sleep(_PAUSE)
        raise Reject(f"it could not be sent on: {text_of(error)}", requeue=True) from error
