"""Listeners that keep what they are told, for the tests of this folder."""

from __future__ import annotations

from typing import Any

from cnstra import Drain, Response


def counters(told: Response | Drain) -> str:
    """Return the counters as ``queue(pending/active)``."""
    return f"{told.queue_length}({told.pending_activations}/{told.active_activations})"


class Trace:
    """Give `on_response` and `on_drain` to a run, then look at what happened."""

    def __init__(self) -> None:
        self.responses: list[Response] = []
        self.drained: list[Drain] = []

    def on_response(self, response: Response) -> None:
        """Keep a response."""
        self.responses.append(response)

    def on_drain(self, drain: Drain) -> None:
        """Keep a drain."""
        self.drained.append(drain)

    @property
    def counters(self) -> str:
        """The counters of every response."""
        return " ".join(map(counters, self.responses))

    @property
    def drains(self) -> str:
        """The counters of every drain."""
        return " ".join(map(counters, self.drained))

    @property
    def outputs(self) -> list[Any]:
        """The payloads that neurons emitted; entry signals are left out."""
        return [one.output_signal.payload for one in self.responses if one.input_signal and one.output_signal]

    @property
    def errors(self) -> list[BaseException]:
        """What failed, in order."""
        return [one.error for one in self.responses if one.error is not None]
