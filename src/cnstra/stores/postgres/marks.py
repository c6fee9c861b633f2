"""How far what goes by the clock has come."""

from __future__ import annotations

from typing import Final

from cnstra.stores.postgres.session import Session

__all__ = ["advance", "mark"]

_MARK: Final = "SELECT at FROM cnstra.marks WHERE scope = %s AND name = %s"
_ADVANCE: Final = """
    INSERT INTO cnstra.marks AS m (scope, name, at) VALUES (%s, %s, %s)
    ON CONFLICT (scope, name) DO UPDATE SET at = greatest(m.at, excluded.at)
"""


async def mark(session: Session, scope: str, name: str) -> float | None:
    """Return the mark of that name."""
    row = await session.first(_MARK, (scope, name))
    return None if row is None else row[0]


async def advance(session: Session, scope: str, name: str, to: float) -> None:
    """Move the mark of that name forward, never back."""
    await session.run(_ADVANCE, (scope, name, to))
