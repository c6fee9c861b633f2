"""The instruments that runs are counted with."""

from __future__ import annotations

from typing import final

from opentelemetry.metrics import Meter

__all__ = ["Instruments"]


@final
class Instruments:
    """What is counted and measured, on one meter."""

    def __init__(self, meter: Meter) -> None:
        self._attempts = meter.create_counter(
            "cnstra.attempts", unit="{attempt}", description="Attempts of runs that have ended here, by outcome."
        )
        self._active = meter.create_up_down_counter(
            "cnstra.attempts.active", unit="{attempt}", description="Attempts that are under way here."
        )
        self._durations = meter.create_histogram(
            "cnstra.activation.duration",
            unit="s",
            description="Seconds that an activation took, by neuron, collateral and outcome.",
        )

    def attempt_began(self) -> None:
        """Count an attempt that begins."""
        self._active.add(1)

    def attempt_ended(self, outcome: str) -> None:
        """Count an attempt that has ended."""
        self._active.add(-1)
        self._attempts.add(1, {"cnstra.outcome": outcome})

    def activation_ended(self, neuron: str, collateral: str, outcome: str, seconds: float) -> None:
        """Measure an activation."""
        self._durations.record(
            seconds, {"cnstra.neuron": neuron, "cnstra.collateral": collateral, "cnstra.outcome": outcome}
        )
