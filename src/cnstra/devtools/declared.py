"""Which parts of payloads and contexts the graph itself declares to be secret (pydantic's ``SecretStr``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, final

__all__ = ["NO_SECRETS", "DeclaredSecrets", "secrets_of"]


@final
class DeclaredSecrets:
    """Keys that hold secrets, by the stored name of a collateral or a neuron.

    Args:
        payloads: Of the payloads of a collateral.
        contexts: Of the context value of a neuron.
    """

    def __init__(self, payloads: Mapping[str, frozenset[str]], contexts: Mapping[str, frozenset[str]]) -> None:
        self._payloads = payloads
        self._contexts = contexts

    def of_payload(self, collateral_name: str) -> frozenset[str]:
        """Return the secret keys of the payloads of a collateral."""
        return self._payloads.get(collateral_name, frozenset())

    def of_context(self, neuron_name: str) -> frozenset[str]:
        """Return the secret keys of the context value of a neuron."""
        return self._contexts.get(neuron_name, frozenset())


NO_SECRETS: Final = DeclaredSecrets({}, {})


def secrets_of(schema: object) -> frozenset[str]:
    """Return the properties that a JSON Schema marks as secret, at any depth; ``""`` if that is the whole value."""
    own = {""} if _is_secret(schema) else set()
    return frozenset(own | {name for name, part in _properties(schema) if _is_secret(part)})


def _is_secret(schema: object) -> bool:
    if not isinstance(schema, dict):
        return False
    if schema.get("writeOnly") is True or schema.get("format") == "password":
        return True
    parts = [schema.get("items"), schema.get("additionalProperties")]
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        parts += schema.get(name, ())
    return any(_is_secret(part) for part in parts)


def _properties(schema: object) -> Iterator[tuple[str, Any]]:
    stack = [schema]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            properties = part.get("properties")
            if isinstance(properties, dict):
                yield from properties.items()
            stack.extend(part.values())
        elif isinstance(part, list):
            stack.extend(part)
