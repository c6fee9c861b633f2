"""Writes the types of the page from the description of the API, so that the two do not drift apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[3]
DESCRIPTION: Final = ROOT / "docs" / "devtools-api.yaml"
TYPES: Final = ROOT / "ui" / "src" / "api" / "types.ts"
_HEAD: Final = "// Made from docs/devtools-api.yaml by `make ui-types`.\n"
_SIMPLE: Final[Mapping[str | None, str]] = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "object": "Record<string, unknown>",
    "null": "null",
    None: "unknown",
}


def typescript(description: Mapping[str, Any]) -> str:
    """Return the schemas of an OpenAPI description as TypeScript."""
    return _HEAD + "".join(_declarations(description["components"]["schemas"]))


def _declarations(schemas: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in schemas.items():
        if schema.get("type") != "object":
            yield f"\nexport type {name} = {_type(schema)};\n"
            continue
        yield f"\nexport interface {name} {{\n"
        for key, value in schema["properties"].items():
            if "description" in value:
                yield f"  /** {value['description']} */\n"
            yield f"  {_field(schema, key)}: {_type(value)};\n"
        yield "}\n"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(map(_type, schema[several]))
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return f"Array<{_type(schema['items'])}>"
    if kind == "object" and "properties" in schema:
        fields = (f"{_field(schema, key)}: {_type(value)}" for key, value in schema["properties"].items())
        return f"{{ {'; '.join(fields)} }}"
    return " | ".join(_SIMPLE[one] for one in (kind if isinstance(kind, list) else [kind]))


def _field(schema: Mapping[str, Any], key: str) -> str:
    return key if key in schema.get("required", ()) else f"{key}?"


if __name__ == "__main__":
    TYPES.write_text(typescript(yaml.safe_load(DESCRIPTION.read_text())))
