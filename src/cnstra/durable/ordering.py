"""What a runner does to have commands carried out, by itself or by another worker of the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, final

from cnstra.durable.arguments import whole
from cnstra.durable.commands import CommandInfo, command_info, derived_id, new_command
from cnstra.durable.identity import new_stimulation_id
from cnstra.durable.obeying import Obedience
from cnstra.durable.performing import ANYWHERE, WITH_GRAPH, PerformedRuns
from cnstra.errors import CNSError, StoreError
from cnstra.persist.commands import CommandKind, CommandResult

__all__ = ["CommandedRuns", "Deed"]


@final
@dataclass(slots=True)
class Deed:
    """What somebody does while the trail knows of it.

    Attributes:
        new_id: The id of the run that it makes, if it makes one and none is wanted: whoever does it again, after a
            crash, takes the same one.
        outcome: What was done, in a sentence: to be set.
        made: The id of the run that came of it: to be set, if there is one.
    """

    new_id: str
    outcome: str = "it was done"
    made: str | None = None


class CommandedRuns(PerformedRuns):
    """What a runner does to have commands carried out."""

    _obeys: bool
    _obedience: Obedience | None = None

    @property
    def obeys(self) -> bool:
        """Whether it carries commands out itself."""
        return self._obeys

    async def order(
        self,
        kind: CommandKind,
        stimulation_id: str | None = None,
        *,
        key: str | None = None,
        seen: str | None = None,
        actor: str = "application",
        **arguments: Any,
    ) -> CommandInfo:
        """Store a command for one of the workers of this scope to carry out; when this returns, it is on disk.

        Who ordered it, who carried it out, and what came of it are kept: see `commands`. What cannot be done is not an
        error here: the command is ``refused`` then, and its outcome says why.

        - ``retry``: what `requeue` does; ``delete``: what `delete` does;
        - ``abort`` (*reason*): what `abort` does, without waiting for the end of the run;
        - ``clone`` (*new_id*) and ``fork`` (*from_task*, *payload*, *new_id*): new runs that wait for a worker;
        - ``stimulate`` (*collateral*: its name, *payload*, *metadata*): likewise.

        Args:
            kind: What is to be done.
            stimulation_id: To which run; for ``stimulate`` the id of the new run, which is made unless given.
            key: Makes it once: a second command of this key is the first one again. Made unless given.
            seen: The version of the run that was decided upon, its `RunInfo.version`: ``retry`` and ``delete`` are
                refused if it has changed since, ``abort`` if another attempt has begun.
            actor: Who orders it.
            arguments: What else the kind takes; a payload may be whatever has a JSON form.

        Returns:
            The command as it is stored; `command` tells later what has become of it.

        Raises:
            GraphError: If something of it makes no sense.
            StoreError: If it could not be stored.
        """
        self._worker.require_open()
        if kind == "stimulate" and stimulation_id is not None:
            arguments["stimulation_id"], stimulation_id = stimulation_id, None
        chosen = new_stimulation_id() if key is None else key
        new = new_command(self.scope, kind, stimulation_id, key=chosen, actor=actor, seen=seen, arguments=arguments)
        record = await self.store.order(new)
        self._worker.poke()
        return command_info(record)

    @asynccontextmanager
    async def carrying_out(
        self, kind: CommandKind, stimulation_id: str, *, actor: str, **arguments: Any
    ) -> AsyncIterator[Deed]:
        """Do by hand what `order` would leave to a worker, and have it in the trail as well.

        ```python
        async with runner.carrying_out("retry", run_id, actor="ann, on call") as deed:
            await runner.requeue(run_id)
            deed.outcome = "the run waits for a worker"
        ```

        It is stored before it is done. If this process dies meanwhile, a worker does it once more, as it does with
        commands of workers that have died; a `StoreError` leaves it to a worker, too. With any other error of ours it
        is ``refused``, with the text of the error.

        Args:
            kind: What is done; not ``stimulate``.
            stimulation_id: To which run.
            actor: Who does it.
            arguments: As for `order`.

        Raises:
            GraphError: If something of it makes no sense.
            StoreError: If it could not be stored.
        """
        self._worker.require_lease()
        new = new_command(self.scope, kind, stimulation_id, key=new_stimulation_id(), actor=actor, arguments=arguments)
        async with nullcontext() if self._obedience is None else self._obedience.spared():
            record = await self.store.order(replace(new, taken_by=self._worker.worker_id))
            deed = Deed(derived_id(record))
            try:
                yield deed
            except StoreError:  # nobody knows whether it was done
                raise
            except CNSError as error:
                await self._end_deed(record.number, CommandResult("refused", str(error)))
                raise
            else:
                await self._end_deed(record.number, CommandResult("done", deed.outcome, deed.made))

    async def _end_deed(self, number: int, result: CommandResult) -> None:
        await self.store.end_command(self.scope, number, 1, result)

    async def command(self, key: str) -> CommandInfo | None:
        """Return the command of this key, or ``None``."""
        self._worker.require_open()
        record = await self.store.command(self.scope, key)
        return None if record is None else command_info(record)

    async def commands(
        self, stimulation_id: str | None = None, *, before: int | None = None, limit: int = 100
    ) -> Sequence[CommandInfo]:
        """Return commands, the latest first; those that ended over 90 days ago are dropped by and by.

        Args:
            stimulation_id: Only those about this run: what was asked of it, and what made it.
            before: The `number` of the last one of the page before.
            limit: How many at most.
        """
        self._worker.require_open()
        found = await self.store.commands(
            self.scope, stimulation_id=stimulation_id, before=before, limit=whole(limit, "limit", 0)
        )
        return [command_info(record) for record in found]

    def _obey(self) -> None:
        """Carry commands out while the worker is open."""
        self._obedience = obedience = Obedience(
            self.store,
            self.scope,
            kinds=(*ANYWHERE, *WITH_GRAPH) if self._graph.cns.neurons else ANYWHERE,
            perform=self._perform,
            worker_id=lambda: self._worker.worker_id,
            holds_lease=lambda: self._worker.accepts,
            dead=self._dead,
            random=self._worker.random,
        )
        self._worker.add_chore("cnstra-commands", obedience.keep, looked=obedience.look)

    async def _dead(self) -> set[str]:
        return await self._worker.colleagues.look()
