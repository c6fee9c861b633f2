"""An independent account of one run: what the store has accepted of it, and whether it was right to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, final

from cnstra.persist.delta import Delta
from cnstra.persist.records import NewRun, RunState, SignalRow, TaskRow

if TYPE_CHECKING:
    from tests.simulation.processes import Process
    from tests.simulation.world import World

__all__ = ["OPEN", "RunAccount"]

OPEN = ("pending", "running")


@final
class RunAccount:
    """One run, as it must stand after everything that the store has accepted.

    Attributes:
        run_id: The run.
        is_barred: Whether successors wait for their parent's commit.
        status: As in the store; ``"unknown"`` before it is admitted.
        was: Every final status that it has had.
        owner: The process that holds it.
        key: The store's handle of it.
        done: Ordinals of the activations whose success is committed.
        frontier: What is outstanding or has failed, by ordinal.
        signals: Every signal, by ordinal.
        contexts: What its neurons remember.
    """

    def __init__(self, world: World, run_id: str, *, is_barred: bool) -> None:
        self.run_id = run_id
        self.is_barred = is_barred
        self.status = "unknown"
        self.was: set[str] = set()
        self.owner: Process | None = None
        self.key = 0
        self.done: set[int] = set()
        self.frontier: dict[int, TaskRow] = {}
        self.signals: dict[int, SignalRow] = {}
        self.contexts: dict[str, bytes] = {}
        self._world = world
        self._fence = 0
        self._sequence = 0
        self._grants: dict[int, Process] = {}
        self._attempt_fences: dict[int, int] = {}
        self._known: set[int] = set()
        self._robbed: set[Process] = set()

    @property
    def is_open(self) -> bool:
        """Whether there is something of it to do."""
        return self.status in OPEN

    def _violate(self, problem: str) -> None:
        self._world.violate(f"run {self.run_id}: {problem}")

    # ---- who may work on it ----------------------------------------------------------------------------------

    def admitted(self, new: NewRun) -> None:
        """It is stored."""
        if self.status != "unknown":
            self._violate("admitted twice")
        self.status = "pending"
        self.contexts = dict(new.contexts)
        self.signals = {signal.ordinal: signal for signal in new.entry}
        self._add({task.ordinal: task for task in new.tasks})

    def granted(self, state: RunState, process: Process, *, forgives: bool = False) -> None:
        """A worker has got it."""
        run = state.run
        if run.fence <= self._fence:
            self._violate(f"given to {process.name} under fence {run.fence}, and it had {self._fence}")
        if forgives:
            self._renew()
        if {row.ordinal: row for row in state.tasks} != self.frontier:
            self._violate(f"the frontier is {sorted(self.frontier)}, and it is given out with {state.tasks}")
        if dict(state.contexts) != self.contexts:
            self._violate(f"the context is {self.contexts}, and it is given out with {dict(state.contexts)}")
        if state.sequence != self._sequence:
            self._violate(f"{self._sequence} deltas are committed, and it is given out with {state.sequence}")
        self._world.counts["given to a worker"] += 1
        self.status, self.owner, self.key, self._fence = "running", process, state.key, run.fence
        self._grants[run.fence] = process
        self._attempt_fences[run.attempt_number] = run.fence

    def taken_away(self, status: str) -> None:
        """It was settled from outside."""
        self._fence += 1
        self._end(status)

    def robbed(self, process: Process) -> None:
        """It is taken from a process that lives and cannot know of it: see `Ledger`."""
        self._robbed.add(process)

    def put_back(self) -> None:
        """It was claimed for nothing."""
        self._end("pending")

    def starts(self, process: Process, ordinal: int, attempt_number: int) -> None:
        """A handler of it is called."""
        if self.is_barred and ordinal not in self._known:
            self._violate(f"{ordinal} starts, and is not stored")
        if self._attempt_fences.get(attempt_number) == self._fence and self.owner is process:
            if ordinal in self.done:
                self._violate(f"{ordinal} starts again, and is committed")
            return
        if self._grants.get(self._attempt_fences.get(attempt_number, 0)) is not process:
            self._violate(f"{process.name} works in attempt {attempt_number}, which was never its own")
        if process not in self._robbed:
            self._violate(f"{process.name} starts {ordinal}, and has lost the run, and could know of it")

    # ---- what is written -------------------------------------------------------------------------------------

    def written(self, delta: Delta, process: Process, *, applied: bool) -> None:
        """The store has answered a delta."""
        if not applied:
            self._world.counts["deltas refused"] += 1
            if delta.fence == self._fence and delta.sequence in {self._sequence, self._sequence + 1}:
                self._violate(f"delta {delta.sequence} of its owner {process.name} is refused")
            return
        if self._grants.get(delta.fence) is not process:
            self._violate(f"{process.name} writes under fence {delta.fence}, which it was not given")
        if delta.fence != self._fence:
            self._violate(f"{process.name} writes under fence {delta.fence}, and it is {self._fence}")
        if delta.sequence == self._sequence:
            self._world.counts["deltas repeated"] += 1
            return
        if delta.sequence != self._sequence + 1:
            self._violate(f"delta {delta.sequence} follows on {self._sequence}")
        self._sequence = delta.sequence
        self._write(delta)

    def _write(self, delta: Delta) -> None:
        for row in delta.history:
            if row.status == "done":
                self._settle(row.ordinal)
        self.signals |= delta.signals
        self._add(delta.tasks)
        for ordinal, failure in delta.failures.items():
            self.frontier[ordinal] = self.frontier[ordinal]._replace(failure=failure)
        for ordinal in delta.removed:
            self._remove(ordinal, is_settled=bool(delta.history))
        self._remember(delta.contexts)
        if delta.ended is not None:
            if delta.ended.delay is not None:
                self._world.counts["attempts followed by another"] += 1
                self._renew()
            self._end(delta.ended.status)
            if delta.ended.status in {"failed", "aborted"} and not self.frontier:
                self._violate(f"{delta.ended.status}, and nothing is left")

    def _renew(self) -> None:
        self.frontier = {ordinal: row._replace(failure=None) for ordinal, row in self.frontier.items()}

    def _remove(self, ordinal: int, *, is_settled: bool) -> None:
        if self.frontier.pop(ordinal, None) is None:
            self._violate(f"{ordinal} leaves the frontier, and is not in it")
        if not is_settled:  # no history tells of it
            self._settle(ordinal)

    def _remember(self, contexts: Mapping[str, bytes | None]) -> None:
        for name, value in contexts.items():
            if value is None:
                self.contexts.pop(name, None)
            else:
                self.contexts[name] = value

    def _add(self, tasks: dict[int, TaskRow]) -> None:
        again = self._known & tasks.keys()
        if again:
            self._violate(f"the ordinals {sorted(again)} are given out again")
        self._known |= tasks.keys()
        self.frontier |= tasks

    def _settle(self, ordinal: int) -> None:
        if ordinal in self.done:
            self._violate(f"{ordinal} is committed twice")
        self.done.add(ordinal)

    def _end(self, status: str) -> None:
        self.status = status
        self.owner = None
        if status not in OPEN:
            self.was.add(status)
        if status == "completed" and self.frontier:
            self._violate(f"completed, and {sorted(self.frontier)} is left")
