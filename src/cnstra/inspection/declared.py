"""Which parts of payloads and contexts the graph itself declares to be secret (pydantic's ``SecretStr``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, final

__all__ = ["NO_SECRETS", "DeclaredSecrets", "secrets_of", "without_secret_values"]


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


_VALUES: Final = frozenset({"const", "default", "enum", "examples"})
_SAME_VALUE: Final = frozenset({"allOf", "anyOf", "oneOf", "items", "additionalProperties"})
"""Keywords whose schemas are of the value, or of its parts, and not of something with a name of its own."""
NO_SECRETS: Final = DeclaredSecrets({}, {})


def secrets_of(schema: object) -> frozenset[str]:
    """Return the properties that a JSON Schema marks as secret, at any depth; ``""`` if that is the whole value."""
    own = {""} if _is_secret(schema) else set()
    return frozenset(own | {name for name, part in _properties(schema) if _is_secret(part)})


def without_secret_values(schema: Any, is_secret_key: Callable[[str], object]) -> Any:
    """Return a JSON Schema without the defaults, examples and constants of what is secret."""
    return _hidden(schema, secrets_of(schema), is_secret_key)


def _hidden(schema: Any, secrets: frozenset[str], is_secret_key: Callable[[str], object], name: str = "") -> Any:
    if isinstance(schema, list):
        return [_hidden(part, secrets, is_secret_key, name) for part in schema]
    if not isinstance(schema, dict):
        return schema
    is_secret = name in secrets or bool(name and is_secret_key(name))
    shown = {}
    for key, part in schema.items():
        if key == "properties" and isinstance(part, dict):
            shown[key] = {own: _hidden(value, secrets, is_secret_key, own) for own, value in part.items()}
        elif not (is_secret and key in _VALUES):
            shown[key] = _hidden(part, secrets, is_secret_key, name if key in _SAME_VALUE else "")
    return shown


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
