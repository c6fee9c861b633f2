"""How an attempt has ended, as it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cnstra.durable.failures import record_of, record_of_run
from cnstra.errors import StimulationAborted, StimulationFailed
from cnstra.persist.delta import Ended

if TYPE_CHECKING:
    from cnstra.core.stimulation import Stimulation
    from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["SHUTDOWN", "how_it_ended"]


class _Shutdown:
    def __repr__(self) -> str:
        return "the runner shuts down; the run stays stored and will be resumed"


SHUTDOWN: Final = _Shutdown()
"""The reason of an abort that gives a run back instead of ending it."""


def how_it_ended(outcome: BaseException | None, run: Stimulation | None, registry: CNSPersistOptionsRegistry) -> Ended:
    """Return the final status of an attempt whose *run* ended with *outcome*."""
    if outcome is None:
        return Ended("completed", "completed")
    if isinstance(outcome, StimulationFailed):
        neuron = _neuron_that_raised(outcome.exceptions[0], run, registry)
        return Ended("failed", "failed", record_of_run(outcome, neuron))
    if isinstance(outcome, StimulationAborted) and outcome.reason is SHUTDOWN:
        return Ended("pending", "interrupted")
    return Ended("aborted", "aborted", record_of(outcome))


def _neuron_that_raised(error: Exception, run: Stimulation | None, registry: CNSPersistOptionsRegistry) -> str | None:
    failures = [] if run is None else run.get_failed_tasks()
    return next((registry.require_neuron_name(one.task.neuron) for one in failures if one.error is error), None)
