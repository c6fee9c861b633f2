"""What a runner does to have commands carried out, by itself or by another worker of the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnstra.durable.arguments import whole
from cnstra.durable.commands import CommandInfo, command_info, new_command
from cnstra.durable.identity import new_stimulation_id
from cnstra.durable.obeying import Obedience
from cnstra.durable.performing import ANYWHERE, WITH_GRAPH, PerformedRuns
from cnstra.persist.commands import CommandKind

__all__ = ["CommandedRuns"]


class CommandedRuns(PerformedRuns):
    """What a runner does to have commands carried out."""

    _obeys: bool

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
        obedience = Obedience(
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
