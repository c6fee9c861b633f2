"""The stores whose driver is not in the base install, imported when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final, NamedTuple

__all__ = ["EXTRAS", "load"]


class Extra(NamedTuple):
    """Where a store is, and what is to be installed for it."""

    module: str
    name: str


EXTRAS: Final = {
    "PostgresStore": Extra("cnstra.stores.postgres", "postgres"),
    "RedisStore": Extra("cnstra.stores.redis", "redis"),
}


def load(store: str) -> Any:
    """Return the class of a store.

    Raises:
        ImportError: If its driver is not installed; the message says how to install it.
    """
    module, name = EXTRAS[store]
    try:
        return getattr(import_module(module), store)
    except ImportError as error:
        if (error.name or "").startswith("cnstra."):  # then it is a fault of ours
            raise
        raise ImportError(f"{store} needs a driver: pip install 'cnstra[{name}]' ({error})") from error
