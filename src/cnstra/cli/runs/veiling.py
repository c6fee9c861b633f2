"""What a command shows of stored values and of the texts of errors."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, final

from cnstra.durable import SignalInfo
from cnstra.inspection.declared import NO_SECRETS, DeclaredSecrets
from cnstra.inspection.redacting import Redaction

__all__ = ["Veil"]

_UNREADABLE: Final = "unreadable:"


@final
class Veil:
    """Leaves the secrets out.

    Args:
        redaction: What must not be shown; ``None`` if everything is.
        secrets: What the graph declares to be secret, where it is known.
    """

    def __init__(self, redaction: Redaction | None, secrets: DeclaredSecrets = NO_SECRETS) -> None:
        self._redaction = redaction
        self._secrets = secrets

    def payload(self, signal: SignalInfo) -> Any:
        """Return what is shown of the payload of a signal."""
        name = signal.collateral_name
        return self._data(signal.payload, self._secrets.of_payload(name), name)

    def context(self, neuron_name: str, value: Any) -> Any:
        """Return what is shown of a context value of a neuron; ``None`` says that it was deleted."""
        return None if value is None else self._data(value, self._secrets.of_context(neuron_name), neuron_name)

    def metadata(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is shown of the metadata of a run."""
        shown = self._data(dict(metadata), (), "metadata")
        return shown if isinstance(shown, dict) else {"$shown": shown}

    def text(self, text: str) -> str:
        """Return what is shown of a message, a traceback, or another text."""
        return text if self._redaction is None else self._redaction.text(text)

    def _data(self, data: Any, secrets: Collection[str], name: str) -> Any:
        if self._redaction is None:
            return data
        is_unreadable = isinstance(data, str) and data.startswith(_UNREADABLE)
        try:
            return self._redaction.data(self._redaction.text(data) if is_unreadable else data, secrets, name)
        except RecursionError:
            return {"$redacted": "depth"}
