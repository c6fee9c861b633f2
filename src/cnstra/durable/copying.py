"""What a runner does to begin runs from stored ones: again from the start, or from the middle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cnstra.core.options import StimulationOptions
from cnstra.durable.arguments import whole
from cnstra.durable.forking import UNCHANGED, Branch, branch_at
from cnstra.durable.run_options import EntryTask, RunOptions
from cnstra.durable.starting import NewRuns, id_of
from cnstra.errors import RunNotFound, RunNotReady
from cnstra.persist.records import RunRecord

if TYPE_CHECKING:
    from cnstra.core.signals import Collateral, Signal
    from cnstra.durable.handles import DurableRun
    from cnstra.persist.records import NewRun, RunState

__all__ = ["CopiedRuns"]


class CopiedRuns(NewRuns):
    """What a runner does to begin runs from stored ones."""

    async def clone(self, stimulation_id: str, *, new_id: str | None = None, enqueue: bool = False) -> DurableRun:
        """Start a fresh run in the way in which a stored one was started, with the same options.

        Args:
            stimulation_id: The run to copy.
            new_id: The id of the new run; made if it is left out.
            enqueue: Leave it to any worker of this scope that has room, instead of starting it here and now.

        Raises:
            RunNotFound: If there is no such run.
            RunExists: If there is a run of *new_id*.
        """
        self._require_place(enqueue=enqueue)
        record = await self._record(stimulation_id)
        options = RunOptions.decode(record.options)
        clone_id = id_of(new_id)
        if options.entry_task is not None:
            branch = _entry_branch(record, options, options.entry_task)
            new = self._admission.new_branch(branch, clone_id, options, record.volume)
            new = replace(new, clone_of=stimulation_id)
            return await self._begin(new, None if enqueue else self._worker.launcher.branch)
        entry = self._admission.entry([self._signal(*row[1:4]) for row in record.entry])
        modality, path = options.route(self._graph.names.registry)
        live = StimulationOptions(
            concurrency=options.concurrency,
            max_neuron_hops=options.max_neuron_hops,
            modality=modality,
            afferent_path=path,
            metadata=options.metadata,
        )
        new = replace(self._admission.new_run(entry, clone_id, options, record.volume), clone_of=stimulation_id)
        start = None if enqueue else partial(self._worker.launcher.start, entry=entry, stored=options, live=live)
        return await self._begin(new, start)

    async def fork(
        self,
        stimulation_id: str,
        from_task: int,
        *,
        new_id: str | None = None,
        payload: Any = UNCHANGED,
        enqueue: bool = False,
    ) -> DurableRun:
        """Start a new run in the middle of a stored one: from the input of one task, with the contexts of that moment.

        It runs that one activation, and what follows from it; what else was under way then is not part of it. It has
        the options of the stored run; hops are counted anew. Where it comes from is stored.

        Args:
            stimulation_id: The run to branch off from; of volume ``full``.
            from_task: The ordinal of a task of its history. Of one that failed and was retried, the last time counts.
            new_id: The id of the new run; made if it is left out.
            payload: What to give the task instead of what it had.
            enqueue: Leave it to any worker of this scope that has room, instead of starting it here and now.

        Raises:
            RunNotFound: If there is no such run.
            RunNotReady: If it keeps no history, or no task of that ordinal has settled.
            RunExists: If there is a run of *new_id*.
            UnknownName: If this graph does not have what the task names.
            PayloadError: If *payload* cannot be stored, or a stored value does not fit its declared type any more.
        """
        return await self._fork(stimulation_id, from_task, lambda _: payload, new_id=new_id, enqueue=enqueue)

    async def _fork(
        self,
        stimulation_id: str,
        from_task: int,
        payload: Callable[[Collateral[Any]], Any],
        *,
        new_id: str | None,
        enqueue: bool,
    ) -> DurableRun:
        """Fork with the payload that *payload* makes for the collateral of the task."""
        self._require_place(enqueue=enqueue)
        whole(from_task, "from_task", 0)
        record = await self._record(stimulation_id)
        if record.volume != "full":
            raise RunNotReady(
                stimulation_id, record.status, f"it keeps no history to branch off from (volume {record.volume!r})"
            )
        options = RunOptions.decode(record.options)
        initial = {name: text.encode() for name, text in options.contexts.items()}
        branch = branch_at(await self.store.tasks(self.scope, stimulation_id), from_task, initial)
        if branch is None:
            raise RunNotReady(stimulation_id, record.status, f"no task {from_task} has settled in it; see tasks()")
        collateral = self._graph.names.registry.require_collateral(branch.task.collateral_name)
        new = self._admission.new_branch(branch, id_of(new_id), options, record.volume, payload(collateral))
        new = replace(new, forked_from=stimulation_id, forked_task=from_task)
        return await self._begin(new, None if enqueue else self._worker.launcher.branch)

    def _require_place(self, *, enqueue: bool) -> None:
        """Refuse at once what this worker cannot do now: one without a lease can enqueue, but not start."""
        if enqueue:
            self._worker.require_open()
        else:
            self._worker.require_lease()

    async def _begin(self, new: NewRun, start: Callable[[RunState], DurableRun | None] | None) -> DurableRun:
        """Store a run, and have *start* start it here; without that it waits for whoever takes it."""
        if start is not None:
            run = await self._admit(new, start)
            return run or await self._existing(new.stimulation_id, "raise")
        if await self.store.admit(new, None) is None:
            return await self._existing(new.stimulation_id, "raise")
        self._worker.poke()
        return self._worker.outcomes.handle(new.stimulation_id, 0)

    async def _record(self, stimulation_id: str) -> RunRecord:
        record = await self.store.get(self.scope, stimulation_id)
        if record is None:
            raise RunNotFound(stimulation_id)
        return record

    def _signal(self, name: str, version: int, payload: bytes) -> Signal[Any]:
        registry = self._graph.names.registry
        collateral = registry.require_collateral(name)
        return collateral.create_signal(registry.decode_payload(collateral, version, payload))


def _entry_branch(record: RunRecord, options: RunOptions, task: EntryTask) -> Branch:
    """Return how a run began that was itself a fork."""
    contexts = {name: text.encode() for name, text in options.contexts.items()}
    return Branch(task, record.entry[0] if record.entry else None, contexts)
