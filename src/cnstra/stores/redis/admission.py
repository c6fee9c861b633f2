"""Storing new runs."""

from __future__ import annotations

from typing import Final

from cnstra.persist.records import NewRun, RunState
from cnstra.stores.redis.keys import handle_of, to_bytes
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.packing import run_arguments
from cnstra.stores.redis.rows import FIELDS, integer, run_of
from cnstra.stores.redis.script import CHANGING, Script

__all__ = ["admit"]

_ADMIT: Final = Script("admit", *CHANGING, "arguments")


async def admit(link: Link, new: NewRun, worker_id: str | None) -> RunState | None:
    """Store a new run; ``None`` if its id is taken."""
    space = link.space(new.scope)
    with link.explaining():
        arguments = run_arguments(new)
    keys = [*space.indexes, space.counter, *space.of_run(to_bytes(new.stimulation_id))]
    values = await link.call(_ADMIT, keys, [*space.telling, to_bytes(worker_id or ""), *arguments])
    if values is None:
        return None
    own = dict(zip(FIELDS, values, strict=True))
    signals = {signal.ordinal: signal for signal in new.entry}
    tasks = tuple(sorted(new.tasks, key=lambda task: task.ordinal))
    return RunState(
        key=handle_of(new.scope, integer(own["number"], "number")),
        run=run_of(new.scope, values, tuple(new.entry)),
        sequence=0,
        next_task=integer(own["next_task"], "next task"),
        next_signal=integer(own["next_signal"], "next signal"),
        tasks=tasks,
        signals={task.signal: signals[task.signal] for task in tasks if task.signal in signals},
        contexts=dict(new.contexts),
    )
