"""The Postgres store: the one package that imports the driver."""

from __future__ import annotations

from cnstra.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
