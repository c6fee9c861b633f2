"""A gate that lets one run of a signal through at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnstra.core.abort import AbortController
from cnstra.core.options import StimulationOptions
from cnstra.core.stimulation import Stimulation

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.core.signals import Signal

__all__ = ["StimulationGate"]


class StimulationGate:
    """Starts runs of one signal, never two at once.

    Args:
        cns: The graph.
        signal: What every run starts with.
        **options: Those of `CNS.stimulate`; with an `abort_signal` of the caller's, `abort` leaves the run alone.
    """

    __slots__ = ("_cns", "_controller", "_current", "_options", "_signal")

    def __init__(self, cns: CNS[Any], signal: Signal[Any], **options: Any) -> None:
        self._cns = cns
        self._signal = signal
        self._options = options
        self._current: Stimulation | None = None
        self._controller: AbortController | None = None
        StimulationOptions(**options)  # a wrong option is an error here, not at the first drain

    @property
    def is_draining(self) -> bool:
        """Whether a run is under way."""
        return self.current_stimulation is not None

    @property
    def current_stimulation(self) -> Stimulation | None:
        """The run that is under way."""
        if self._current is not None and self._current.done:
            self._current = self._controller = None
        return self._current

    def drain(self) -> Stimulation:
        """Start a run, or return the one under way; await what it returns for the end of that run."""
        current = self.current_stimulation
        if current is not None:
            return current
        options = dict(self._options)
        if options.get("abort_signal") is None:
            self._controller = AbortController()
            options["abort_signal"] = self._controller.signal
        # The run is known before it starts: a synchronous handler that drains again gets this very run.
        run = self._current = Stimulation(self._cns, StimulationOptions(**options))
        try:
            return self._cns.start(run, self._signal)
        except BaseException:
            self._current = self._controller = None
            raise

    def abort(self, reason: object = None) -> bool:
        """Stop the run under way; tell whether this call did it."""
        if self.current_stimulation is None or self._controller is None or self._controller.signal.aborted:
            return False
        self._controller.abort(reason)
        return True
