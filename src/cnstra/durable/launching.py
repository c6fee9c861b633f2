"""Starting runs in memory: new ones, and stored ones where they stand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, final

from cnstra.core.stimulation import Stimulation
from cnstra.durable.contexts import CallersContext
from cnstra.durable.fitness import Fitness
from cnstra.durable.handles import DurableRun
from cnstra.durable.naming import SubscriberNames
from cnstra.durable.recorder import RunRecorder
from cnstra.durable.resuming import Reviver
from cnstra.durable.retries import Retries
from cnstra.durable.stopping import stop
from cnstra.errors import Fenced

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.core.options import StimulationOptions
    from cnstra.durable.admission import Entry
    from cnstra.durable.committer import Committer
    from cnstra.durable.live import LiveRuns
    from cnstra.durable.resuming import Revival
    from cnstra.durable.run_options import RunOptions
    from cnstra.persist.records import RunState

__all__ = ["Graph", "Launcher"]

logger = logging.getLogger("cnstra")


@final
@dataclass(frozen=True, slots=True)
class Graph:
    """What runs are made of.

    Attributes:
        cns: The neurons.
        names: Their names in the store.
        callers: Makes the caller's object of a run that is given none.
    """

    cns: CNS[Any]
    names: SubscriberNames
    callers: CallersContext


@final
class Launcher:
    """Starts runs of one graph in one worker.

    Args:
        graph: What they are made of.
        committer: Writes what they do.
        live: Where they are while they are under way.
        accepts: Whether the worker may start runs.
        outcome: Waits for the end of a stored run, wherever that is.
        random: For the jitter of retries.
        log_lines: How many lines are kept of what an activation logs.
    """

    def __init__(
        self,
        graph: Graph,
        committer: Committer,
        live: LiveRuns,
        accepts: Callable[[], bool],
        *,
        outcome: Callable[[str], Coroutine[Any, Any, None]],
        random: Random,
        log_lines: int,
    ) -> None:
        self._cns = graph.cns
        self._names = graph.names
        self._committer = committer
        self._live = live
        self._accepts = accepts
        self._outcome = outcome
        self._random = random
        self._callers = graph.callers
        self._log_lines = log_lines
        self._reviver = Reviver(graph.cns, graph.names, committer, graph.callers, random, log_lines=log_lines)
        self._fitness = Fitness(graph.cns, graph.names.registry)

    def start(self, state: RunState, entry: Entry, stored: RunOptions, live: StimulationOptions) -> DurableRun | None:
        """Start a run that was just admitted.

        Returns:
            The run; ``None`` if the worker stopped meanwhile: it is given back, and whoever is open starts it.

        Raises:
            Exception: What the caller's object could not be made for; the run is written as failed then.
        """
        retries = None if stored.retry is None else Retries(state.run, stored, self._random)  # one of a clone
        recorder = RunRecorder(
            self._names,
            self._committer,
            state,
            stored.durability,
            fresh=True,
            retries=retries,
            log_lines=self._log_lines,
        )
        if not self._accepts():
            recorder.release()
            return None
        if live.stimulation_context is None:
            live.stimulation_context = self._context(state, live)
        for activation, row in zip(entry.activations, entry.tasks, strict=True):
            activation.record = recorder.handle(row)
        stimulation = Stimulation(self._cns, live)
        run = self._under_way(stimulation, recorder)
        if stored.max_neuron_hops is not None:
            recorder.count_hops()
        self._cns.start(stimulation, entry.signals, entry.groups)
        return run

    def branch(self, state: RunState) -> DurableRun | None:
        """Start a run that was just admitted from its frontier; as `start` for what it returns and raises."""
        if self._accepts():
            return self.revive(state)
        RunRecorder(self._names, self._committer, state, "hop").release()
        return None

    def revive(self, state: RunState) -> DurableRun:
        """Start a run that this worker has taken, where it stands.

        Raises:
            Exception: Whatever is in the way; the run is written as failed then, and keeps its frontier.
        """
        try:
            revival = self._reviver.revive(state)
        except Exception as error:
            self._give_up(state, error)
            raise
        return self._launch(revival)

    def resume(self, state: RunState) -> bool:
        """Start a claimed run where it stands; return ``False`` if that is for newer code, and the run is to go back.

        One that no code can go on with becomes failed, and keeps its frontier: it must not keep others from resuming.
        """
        try:
            revival = self._reviver.revive(state)
        except Exception as error:
            misfit = next(iter(self._fitness.misfits(state)), None)
            run_id = state.run.stimulation_id
            if misfit is not None and misfit.is_for_newer_code:
                logger.warning(
                    "run %s needs other code than this, and is left to a worker that has it: %s", run_id, misfit
                )
                return False
            logger.exception("run %s cannot be resumed by this code; it is kept as failed", run_id)
            self._give_up(state, error)
            return True
        self._launch(revival)
        return True

    def _context(self, state: RunState, live: StimulationOptions) -> Any:
        try:
            return self._callers.of(state.run.stimulation_id, live.metadata, state.run.attempt_number)
        except Exception as error:
            self._give_up(state, error)
            raise

    def _launch(self, revival: Revival) -> DurableRun:
        run = self._under_way(revival.stimulation, revival.recorder)
        revival.start()
        return run

    def _give_up(self, state: RunState, error: Exception) -> None:
        RunRecorder(self._names, self._committer, state, "hop").give_up(error)

    def _under_way(self, stimulation: Stimulation, recorder: RunRecorder) -> DurableRun:
        earlier = self._live.recorder_of(recorder.stimulation_id)
        if (
            earlier is not None
        ):  # its fence is old: the worker's own row had got lost, and a claim brought the run again
            stop(earlier, Fenced(earlier.stimulation_id, earlier.fence))
        recorder.stimulation = stimulation
        stimulation.attach(recorder)
        outcome = partial(self._outcome, recorder.stimulation_id)
        run = DurableRun(recorder.stimulation_id, recorder.attempt_number, stimulation, outcome, recorder)
        self._live.add(run, recorder)
        return run
