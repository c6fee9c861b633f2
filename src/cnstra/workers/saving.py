"""Saving the progress of one run, hop by hop, where there is no run store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, final

from cnstra.errors import Fenced, PersistenceError
from cnstra.persist.serializer import ProgressSerializer
from cnstra.workers.stopping import cut_short
from cnstra.workers.wire import to_wire

if TYPE_CHECKING:
    from cnstra.core.neurons import Neuron
    from cnstra.core.responses import Response
    from cnstra.core.stimulation import Stimulation
    from cnstra.persist.registry import CNSPersistOptionsRegistry
    from cnstra.workers.ports import Checkpoint

__all__ = ["ProgressWriter"]

_PATIENCE: Final = 30.0
"""For how many seconds a save is tried again while the run stands still."""

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0


@final
class ProgressWriter:
    """Saves what is left of one run after each hop, and holds back what follows until that is done.

    One save is under way at a time. Hops that settle meanwhile share the next one, which shows them all.

    Args:
        checkpoint: Where to save.
        registry: Names what is saved.
        attempt: Which start of the job this is.
        spared: How many starts were given back before.
        hops: How often neurons were activated before, where the job limits that.

    Attributes:
        problem: What has kept a save from being made; the run was stopped with it.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        registry: CNSPersistOptionsRegistry,
        *,
        attempt: int,
        spared: int,
        hops: Mapping[Neuron[Any], int],
    ) -> None:
        self.problem: Exception | None = None
        self._checkpoint = checkpoint
        self._registry = registry
        self._serializer = ProgressSerializer(registry)
        self._attempt = attempt
        self._spared = spared
        self._hops = dict(hops)
        self._wanted: asyncio.Future[None] | None = None
        self._saving: asyncio.Task[None] | None = None

    def listen(self, response: Response) -> asyncio.Future[None] | None:
        """Hear of a hop; as a response listener, it holds successors back with what it returns."""
        if response.neuron is None or response.error is not None or self.problem is not None:
            return None
        if response.hops is not None:
            self._hops[response.neuron] = max(response.hops, self._hops.get(response.neuron, 0))
        if response.finished:
            return None  # the acknowledgement of the job is the commit of its last hop
        if self._wanted is None:
            self._wanted = asyncio.get_running_loop().create_future()
        if self._saving is None:
            self._saving = asyncio.create_task(self._save_all(response.stimulation), name="cnstra-save-progress")
        return self._wanted

    def drop(self, problem: Exception) -> None:
        """Save nothing more: another delivery has the job."""
        self.problem = problem
        if self._saving is not None:
            self._saving.cancel()

    async def finish(self, run: Stimulation, *, given_back: bool) -> None:
        """Save what a run has left that has ended; *given_back*: its start is not to be counted.

        Raises:
            Fenced: If another delivery has the job now.
            Exception: Whatever else has kept it from being saved.
        """
        if self._saving is not None:
            await asyncio.wait([self._saving])
        self._spared += given_back
        await self._save(self._progress(run))

    async def _save_all(self, run: Stimulation) -> None:
        while self._wanted is not None:
            wanted, self._wanted = self._wanted, None
            try:
                progress = self._progress(run)
                if progress["tasks"]:  # else the last hop has settled while an earlier one waited for this save
                    await self._save(progress)
            except Exception as error:  # noqa: BLE001 - the run is told, and raises it
                self.problem = error
                cut_short(run, error)
            wanted.set_result(None)
        self._saving = None

    def _progress(self, run: Stimulation) -> dict[str, Any]:
        progress = to_wire(self._serializer.serialize(run))
        if self._hops:
            progress["hops"] = {self._registry.require_neuron_name(one): count for one, count in self._hops.items()}
        progress["attempt"] = self._attempt
        if self._spared:
            progress["spared"] = self._spared
        return progress

    async def _save(self, progress: Mapping[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + _PATIENCE, _FIRST_PAUSE
        while True:
            try:
                await self._checkpoint.save(progress)
            except (Fenced, PersistenceError):
                raise
            except Exception:
                if loop.time() + pause > deadline:
                    raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return
