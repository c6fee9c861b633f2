"""Payloads that are typed in: JSON, checked against what the collateral declares."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from cnstra.cli.ending import CommandError
from cnstra.core.signals import Collateral
from cnstra.errors import PayloadError
from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["decode", "read"]

_STDIN: Final = "-"
_FILE: Final = "@"


def read(text: str) -> bytes:
    """Return the JSON text that *text* is, or that it names: ``@FILE`` is a file, and ``-`` standard input.

    Raises:
        CommandError: If the file cannot be read.
    """
    if text == _STDIN:
        return sys.stdin.buffer.read()
    if not text.startswith(_FILE):
        return text.encode("utf-8", "surrogateescape")
    path = Path(text.removeprefix(_FILE))
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"the payload cannot be read from {path}: {error.strerror}") from error


def decode(registry: CNSPersistOptionsRegistry, collateral: Collateral[Any], text: bytes) -> Any:
    """Return the payload that *text* is, in the version of this code.

    Raises:
        CommandError: If it is no JSON.
        PayloadError: If it is not what the collateral declares.
    """
    try:
        return registry.decode_payload(collateral, registry.payload_version(collateral), text)
    except PayloadError:
        _require_json(text)
        raise


def _require_json(text: bytes) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        hint = """in a shell, put it in single quotes, such as '{"n": 1}', or say @FILE"""
        raise CommandError(f"the payload is no JSON ({error}); {hint}") from error
