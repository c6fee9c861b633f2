"""What a run stores beside names: payloads of collaterals and context values of neurons, as JSON."""

from __future__ import annotations

from functools import partial
from typing import Any

from cnstra.core.neurons import Neuron
from cnstra.core.signals import Collateral
from cnstra.errors import GraphError
from cnstra.persist.codec import ValueCodec, make_strictness
from cnstra.persist.names import GraphNames
from cnstra.persist.reading import parse
from cnstra.persist.upcasting import FIRST

__all__ = ["MAX_PAYLOAD_BYTES", "StoredValues"]

MAX_PAYLOAD_BYTES = 16 * 1024 * 1024
"""The default of the longest JSON text of one payload or context value."""


class StoredValues(GraphNames):
    """Writes and reads payloads and context values of named parts.

    A value comes back equal and of its declared type, or is refused when it is written. ``encode`` and ``decode`` are
    for stores (JSON text), ``dump`` and ``load`` for data that goes into a larger JSON document.
    """

    def __init__(self, *, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        super().__init__()
        if type(max_payload_bytes) is not int or max_payload_bytes < 1:
            raise GraphError(f"max_payload_bytes must be a whole number of 1 or more, not {max_payload_bytes!r}")
        self._max_bytes = max_payload_bytes
        self._strictness = make_strictness()
        self._payload_codecs: dict[Collateral[Any], ValueCodec] = {}
        self._context_codecs: dict[Neuron[Any], ValueCodec] = {}

    def encode_payload(self, collateral: Collateral[Any], payload: Any) -> tuple[int, bytes]:
        """Return the version and the JSON text of *payload*.

        Raises:
            PayloadError: If it would not come back equal and of the collateral's declared type.
        """
        codec = self._payload_codecs.get(collateral) or self.payload_codec(collateral)
        return self._versions.get(collateral, FIRST).number, codec.encode(payload)

    def decode_payload(self, collateral: Collateral[Any], version: int, data: bytes) -> Any:
        """Return the payload that was written as *data* in *version*, brought up to the version of this code.

        Raises:
            PayloadError: If newer code wrote it, or *data* is not what the collateral declares.
        """
        codec, ours = self.payload_codec(collateral), self._versions.get(collateral, FIRST)
        if version == ours.number:
            return codec.decode(data)
        return self.load_payload(
            collateral, version, self._plain(partial(_of_collateral, self, collateral)).decode(data)
        )

    def dump_payload(self, collateral: Collateral[Any], payload: Any) -> tuple[int, Any]:
        """Return the version and the JSON-safe data of *payload*; as `encode_payload`."""
        version, data = self.encode_payload(collateral, payload)
        return version, parse(data)

    def load_payload(self, collateral: Collateral[Any], version: int, data: Any) -> Any:
        """Return the payload that *data* was dumped from; as `decode_payload`."""
        ours, where = self._versions.get(collateral, FIRST), partial(_of_collateral, self, collateral)
        ours.require_readable(version, where())
        data = ours.upcast(version, data, where())
        return self.payload_codec(collateral).decode(self._plain(where).encode(data))

    def encode_context(self, neuron: Neuron[Any], value: Any) -> bytes:
        """Return the JSON text of a context value of *neuron*.

        Raises:
            PayloadError: If it would not come back equal and of the neuron's declared context type.
        """
        return (self._context_codecs.get(neuron) or self.context_codec(neuron)).encode(value)

    def decode_context(self, neuron: Neuron[Any], data: bytes) -> Any:
        """Return the context value of *neuron* that was written as *data*.

        Raises:
            PayloadError: If *data* is not what the neuron declares.
        """
        return self.context_codec(neuron).decode(data)

    def dump_context(self, neuron: Neuron[Any], value: Any) -> Any:
        """Return the JSON-safe data of a context value; as `encode_context`."""
        return parse(self.encode_context(neuron, value))

    def load_context(self, neuron: Neuron[Any], data: Any) -> Any:
        """Return the context value that *data* was dumped from; as `decode_context`."""
        return self.decode_context(neuron, self._plain(partial(_of_neuron, self, neuron)).encode(data))

    def payload_codec(self, collateral: Collateral[Any]) -> ValueCodec:
        """Return what writes and reads the payloads of *collateral*.

        Raises:
            PayloadError: If its declared type cannot be stored.
        """
        codec = self._payload_codecs.get(collateral)
        if codec is None:
            where = partial(_of_collateral, self, collateral)
            codec = ValueCodec(collateral.payload_type, where, self._strictness, self._max_bytes)
            self._payload_codecs[collateral] = codec
        return codec

    def context_codec(self, neuron: Neuron[Any]) -> ValueCodec:
        """Return what writes and reads the context values of *neuron*.

        Raises:
            PayloadError: If its declared context type cannot be stored.
        """
        codec = self._context_codecs.get(neuron)
        if codec is None:
            where = partial(_of_neuron, self, neuron)
            codec = ValueCodec(neuron.context_type, where, self._strictness, self._max_bytes)
            self._context_codecs[neuron] = codec
        return codec

    def _plain(self, where: partial[str]) -> ValueCodec:
        return ValueCodec(None, where, self._strictness, self._max_bytes)


def _of_collateral(names: GraphNames, collateral: Collateral[Any]) -> str:
    return f"collateral {names.get_collateral_name(collateral) or collateral.label}"


def _of_neuron(names: GraphNames, neuron: Neuron[Any]) -> str:
    return f"context of neuron {names.get_neuron_name(neuron) or neuron.label}"
