"""One thing with everything that belongs to it: payloads, contexts, tracebacks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, final

from cnstra.inspection.declared import DeclaredSecrets
from cnstra.inspection.histories import ContextChange, History
from cnstra.inspection.redacting import Redaction
from cnstra.inspection.shown import Shower
from cnstra.inspection.views import Data, Views
from cnstra.persist.records import FrontierTask, RunRecord, SignalRow, StoredTask

__all__ = ["Details"]


@final
class Details:
    """Shows records whole.

    Args:
        views: Shows them in lists.
        redaction: What must not be shown.
        secrets: What the graph declares to be secret.
        full: Whether large values are shown whole.
    """

    def __init__(self, views: Views, redaction: Redaction, secrets: DeclaredSecrets, *, full: bool) -> None:
        self._views = views
        self._shower = Shower(redaction, full=full)
        self._secrets = secrets

    def run(self, run: RunRecord) -> Data:
        """Return a run with what it was started with."""
        options = _options(run.options)
        return {
            **self._views.run(run),
            "scope": run.scope,
            "fence": run.fence,
            "error": self._views.error(run.error),
            "entry_signals": [self.signal(signal) for signal in run.entry],
            "durability": options.get("durability", "hop"),
            "modality": options.get("modality"),
            "afferent_path": options.get("afferent_path"),
            "concurrency": options.get("concurrency"),
            "max_neuron_hops": options.get("max_neuron_hops"),
            "metadata": self._shower.value(_json(options.get("metadata", {})), name="metadata"),
        }

    def settled(self, run: RunRecord, history: History, stored: StoredTask) -> Data:
        """Return an activation of the history."""
        return self._settled(run, history, stored, history.contexts_of(stored))

    def history(self, run: RunRecord, history: History) -> list[Data]:
        """Return all activations of the history."""
        return [self._settled(run, history, stored, changes) for stored, changes in history.contexts()]

    def _settled(self, run: RunRecord, history: History, stored: StoredTask, changes: Sequence[ContextChange]) -> Data:
        return {
            **self._views.settled(run, stored, history.queued_at(stored)),
            "input": None if stored.input is None else self.signal(stored.input),
            "outputs": [self.signal(signal) for signal in stored.outputs],
            "contexts": [
                {
                    "neuron_name": change.neuron_name,
                    "is_changed": change.before != change.after,
                    "before": self._context(change.neuron_name, change.before),
                    "after": self._context(change.neuron_name, change.after),
                }
                for change in changes
            ],
            "error": self._views.error(stored.settled.error),
            "logs": [self._views.log_line(line) for line in stored.settled.logs],
        }

    def left(self, run: RunRecord, found: FrontierTask) -> Data:
        """Return an activation of the frontier."""
        return {
            **self._views.left(run, found),
            "input": None if found.input is None else self.signal(found.input),
            "error": self._views.error(found.task.failure),
        }

    def signal(self, signal: SignalRow) -> Data:
        """Return a signal with its payload."""
        name = signal.collateral_name
        payload = self._shower.value(signal.payload, self._secrets.of_payload(name), name)
        return {**self._views.signal(signal), "payload": payload}

    def _context(self, neuron_name: str, stored: bytes | None) -> Data | None:
        if stored is None:
            return None
        return self._shower.value(stored, self._secrets.of_context(neuron_name), neuron_name)


def _options(stored: bytes) -> dict[str, Any]:
    try:
        options = json.loads(stored)
    except (ValueError, RecursionError):
        return {}
    return options if isinstance(options, dict) else {}


def _json(data: Any) -> bytes:
    return json.dumps(data).encode()
