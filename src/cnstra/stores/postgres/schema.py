"""Bringing the tables up to date."""

from __future__ import annotations

from importlib import resources
from typing import Final

from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from cnstra.errors import StoreError
from cnstra.stores.postgres.session import Session

__all__ = ["SCHEMA_VERSION", "migrate"]

OLDEST_SERVER: Final = 12_00_00
"""Since then a part of a statement that is used twice is computed once."""

MIGRATIONS = sorted(
    (
        entry
        for entry in (resources.files("cnstra.stores.postgres") / "migrations").iterdir()
        if entry.name.endswith(".sql")
    ),
    key=lambda entry: entry.name,
)
SCHEMA_VERSION = len(MIGRATIONS)

_HAS_SCHEMA: Final = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %s)"
_HAS_TABLE: Final = """
    SELECT EXISTS (
        SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relname = %s
    )
"""


async def migrate(session: Session, label: str) -> None:
    """Make or migrate the tables; of many who do that at once, one does it, and the others wait.

    A role that may not create anything is enough where there is nothing to do.

    Raises:
        StoreError: If the tables are newer than this code, or this role may not make them.
    """
    if session.connection.info.server_version < OLDEST_SERVER:
        raise StoreError(
            f"{label}: the server is Postgres {session.connection.info.server_version // 10000}; 12 is needed"
        )
    if await _version(session, label) == SCHEMA_VERSION:
        return
    try:
        async with session.connection.transaction():
            await session.run("SELECT pg_advisory_xact_lock(%s)", (session.names.lock_number,))
            await _apply(session, await _version(session, label))
    except InsufficientPrivilege as error:
        raise StoreError(
            f"{label}: its tables are missing or of an older version, and the role {session.connection.info.user!r} "
            f"may not make them in the schema {session.names.schema!r}: open the store once as a role that may "
            f"({error})"
        ) from error


async def _apply(session: Session, found: int) -> None:
    [has_schema] = await session.first(_HAS_SCHEMA, (session.names.schema,)) or [False]
    if not has_schema:
        name = sql.Identifier(session.names.schema).as_string()
        await session.connection.execute(f"CREATE SCHEMA {name}".encode())
    for migration in MIGRATIONS[found:]:
        await session.connection.execute(session.names.script(migration.read_text(encoding="utf-8")))
    if found < SCHEMA_VERSION:
        await session.run("DELETE FROM cnstra.meta")
        await session.run("INSERT INTO cnstra.meta (schema_version) VALUES (%s)", (SCHEMA_VERSION,))


async def _version(session: Session, label: str) -> int:
    names = session.names
    [has_table] = await session.first(_HAS_TABLE, (names.schema, f"{names.prefix}meta")) or [False]
    if not has_table:
        return 0
    row = await session.first("SELECT max(schema_version) FROM cnstra.meta")
    found = int((row and row[0]) or 0)
    if found > SCHEMA_VERSION:
        raise StoreError(
            f"{label}: it has schema version {found}, and this cnstra knows versions up to {SCHEMA_VERSION}: "
            "upgrade cnstra, or use another schema"
        )
    return found
