"""The options of one run, checked before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cnstra.core.handlers import is_asynchronous
from cnstra.core.neurons import positive_int
from cnstra.errors import GraphError

if TYPE_CHECKING:
    from cnstra.core.abort import AbortSignal
    from cnstra.core.context import ContextStore
    from cnstra.core.modality import AfferentPath, Modality
    from cnstra.core.responses import DrainListener, ResponseListener

__all__ = ["DEFAULT_OPTIONS", "StimulationOptions"]

_NO_METADATA: Mapping[str, Any] = MappingProxyType({})


class StimulationOptions:
    """What a run was started with; read-only by convention, and shared by all its handlers.

    Attributes:
        on_response: The run's own response listener.
        on_drain: The run's own drain listener.
        abort_signal: The caller's abort signal.
        ctx: The caller's store of context values.
        concurrency: How many bodies of this run may be active at once.
        max_neuron_hops: How often each neuron may be activated in this run.
        modality: Which modality the run carries.
        afferent_path: Which of its paths.
        stimulation_context: The caller's object.
        metadata: JSON data of a durable run.
        attempt_number: Which start or resume this is, from 1.
        notes_end: Whether something of the caller's has to do with the end of the first turn.
    """

    __slots__ = (
        "abort_signal",
        "afferent_path",
        "attempt_number",
        "concurrency",
        "ctx",
        "max_neuron_hops",
        "metadata",
        "modality",
        "notes_end",
        "on_drain",
        "on_response",
        "stimulation_context",
    )

    def __init__(
        self,
        *,
        on_response: ResponseListener | None = None,
        on_drain: DrainListener | None = None,
        abort_signal: AbortSignal | None = None,
        ctx: ContextStore | None = None,
        concurrency: int | None = None,
        max_neuron_hops: int | None = None,
        modality: Modality | None = None,
        afferent_path: AfferentPath | None = None,
        stimulation_context: Any = None,
        metadata: Mapping[str, Any] = _NO_METADATA,
        attempt_number: int = 1,
    ) -> None:
        if afferent_path is not None and (modality is None or afferent_path not in modality):
            raise GraphError(f"{afferent_path!r} is not a path of {modality!r}; give the modality that has it")
        for listener, what in ((on_response, "on_response"), (on_drain, "on_drain")):
            if listener is not None and not callable(listener):
                raise GraphError(f"{what} is {listener!r}, which cannot be called")
        require_synchronous(on_drain)
        self.on_response = on_response
        self.on_drain = on_drain
        self.abort_signal = abort_signal
        self.ctx = ctx
        self.concurrency = positive_int(concurrency, "the concurrency of a run")
        self.max_neuron_hops = positive_int(max_neuron_hops, "max_neuron_hops")
        self.modality = modality
        self.afferent_path = afferent_path
        self.stimulation_context = stimulation_context
        self.metadata = metadata
        self.attempt_number = attempt_number
        self.notes_end = on_drain is not None or abort_signal is not None


def require_synchronous(listener: DrainListener | None) -> None:
    """Refuse a drain listener that is a coroutine function: nothing would await it.

    Raises:
        GraphError: If it is one.
    """
    if listener is not None and is_asynchronous(listener):
        raise GraphError("a drain listener must not be asynchronous: a turn ends now, and nothing waits for it")


DEFAULT_OPTIONS = StimulationOptions()
