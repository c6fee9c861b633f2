"""Runs as traces and metrics of OpenTelemetry; needs ``cnstra[otel]``."""

from __future__ import annotations

from cnstra.otel.carrying import carried, with_context
from cnstra.otel.instrumenting import instrument

__all__ = ["carried", "instrument", "with_context"]
