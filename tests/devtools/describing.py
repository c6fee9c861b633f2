"""The description of the API, and answers compared with it."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

__all__ = ["PREFIX", "description", "operation_of", "require_described"]

PREFIX = "/api/v1"
_FILE = Path(__file__).parents[2] / "docs" / "devtools-api.yaml"


@cache
def description() -> Mapping[str, Any]:
    """Return the description as data."""
    loaded: Mapping[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return loaded


def operation_of(path: str, method: str = "get") -> Mapping[str, Any]:
    """Return what is said of asking a path, such as ``/api/v1/runs/a``."""
    for template, item in description()["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if method in item and re.fullmatch(PREFIX + pattern, path):
            found: Mapping[str, Any] = item[method]
            return found
    raise AssertionError(f"{path} is not described")


def require_described(path: str, status: int, media: str, data: Any, method: str = "get") -> None:
    """Do nothing if an answer is one that the description tells of, with nothing besides."""
    response = operation_of(path, method)["responses"].get(str(status))
    assert response is not None, f"{path} may not answer {status}: {data}"
    if "$ref" in response:
        response = description()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = response["content"][media]["schema"]
    _validator(yaml.safe_dump(schema)).validate(data)


@cache
def _validator(schema: str) -> Draft202012Validator:
    components = copy.deepcopy(description()["components"])
    for one in components["schemas"].values():
        _close(one)
    return Draft202012Validator({**yaml.safe_load(schema), "components": components})


def _close(schema: dict[str, Any]) -> None:
    """Allow no properties but those that are described: clients are told to pass over them, but there are none."""
    if "properties" in schema:
        schema["additionalProperties"] = False
        for part in schema["properties"].values():
            _close(part)
