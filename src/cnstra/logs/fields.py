"""Log records that carry the run, the attempt, the neuron and the activation that they were made in."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, final

from cnstra.errors import GraphError

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.core.context import HandlerContext
    from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["RunFilter", "add_run_fields", "run_fields"]

_NOWHERE: Final[Mapping[str, Any]] = MappingProxyType(
    {"stimulation_id": None, "attempt_number": None, "neuron": None, "activation_id": None, "run": "-"}
)

_here: ContextVar[tuple[HandlerContext[Any, Any], CNSPersistOptionsRegistry | None] | None] = ContextVar(
    "cnstra_handler", default=None
)
"""The handler that runs: what it calls, its threads and the tasks that it makes have it too."""


def add_run_fields(
    cns: CNS[Any],
    registry: CNSPersistOptionsRegistry | None = None,
    *,
    handlers: Iterable[logging.Handler] | None = None,
) -> Callable[[], None]:
    """Have log records that the neurons of *cns* make carry where they were made; see `run_fields`.

    ```python
    logging.basicConfig(format="%(levelname)s [%(run)s] %(message)s")
    add_run_fields(cns, registry)
    ```

    Args:
        cns: The graph.
        registry: Gives neurons their stored names; without one they have their labels.
        handlers: Which log handlers get a `RunFilter`: those of the root logger, unless given. Where a configuration
            puts the filters in, give none: ``handlers=()``.

    Returns:
        A function that undoes it; calling it again is harmless.

    Raises:
        GraphError: If the root logger has no handlers yet.
    """
    found = logging.getLogger().handlers if handlers is None else handlers
    chosen = list(found)
    if handlers is None and not chosen:
        raise GraphError("the root logger has no handlers: say logging.basicConfig(...) first, or give handlers=")
    run_filter = RunFilter()
    for handler in chosen:
        handler.addFilter(run_filter)
    unwrap = cns.wrap_handlers(partial(_within, registry))

    def undo() -> None:
        unwrap()
        for handler in chosen:
            handler.removeFilter(run_filter)

    return undo


def run_fields() -> Mapping[str, Any]:
    """Return where this code runs, for loggers that are not the standard library's.

    Returns:
        ``stimulation_id`` (``None`` for a run in memory), ``attempt_number``, ``neuron``, ``activation_id``, and
        ``run``, which is the last three in one text. Outside handlers, and in a graph that `add_run_fields` was not
        called for, each is ``None``, and ``run`` is ``"-"``.
    """
    here = _here.get()
    if here is None:
        return _NOWHERE
    ctx, registry = here
    name = None if registry is None else registry.get_neuron_name(ctx.neuron)
    neuron = ctx.neuron.label if name is None else name
    return {
        "stimulation_id": ctx.stimulation.stimulation_id,
        "attempt_number": ctx.attempt_number,
        "neuron": neuron,
        "activation_id": ctx.activation_id,
        "run": f"{ctx.activation_id} {neuron} #{ctx.attempt_number}",
    }


@final
class RunFilter(logging.Filter):
    """Gives records the fields of `run_fields`, and lets all of them pass; what a record has already it keeps."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields to *record*."""
        given = vars(record)
        for name, value in run_fields().items():
            given.setdefault(name, value)
        return True


def _within(registry: CNSPersistOptionsRegistry | None, ctx: HandlerContext[Any, Any], call: Callable[[], Any]) -> Any:
    token = _here.set((ctx, registry))
    try:
        result = call()
    finally:
        _here.reset(token)
    return _await_within((ctx, registry), result) if hasattr(type(result), "__await__") else result


async def _await_within(
    here: tuple[HandlerContext[Any, Any], CNSPersistOptionsRegistry | None], body: Awaitable[Any]
) -> Any:
    _here.set(here)  # each body has a context of its own, so there is nothing to set back
    return await body
