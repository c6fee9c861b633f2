"""How far what goes by the clock has come."""

from __future__ import annotations

import asyncio

from cnstra.persist.ports import Store

__all__ = ["MarkContract"]


class MarkContract:
    """How far what goes by the clock has come."""

    async def test_a_mark_is_not_there_before_it_is_set(self, store: Store) -> None:
        assert await store.mark("", "nightly") is None

    async def test_a_mark_is_read_back_exactly(self, store: Store) -> None:
        await store.advance("", "nightly", 1774744200.123457)

        assert await store.mark("", "nightly") == 1774744200.123457

    async def test_a_mark_moves_forward_and_never_back(self, store: Store) -> None:
        await asyncio.gather(*[store.advance("", "nightly", float(to)) for to in (3, 9, 5, 1)])

        assert await store.mark("", "nightly") == 9.0

    async def test_a_mark_belongs_to_its_name_and_scope(self, store: Store) -> None:
        await store.advance("", "nightly \u00fc", 1.0)
        await store.advance("other", "nightly", 2.0)

        marks = [await store.mark(scope, name) for scope in ("", "other") for name in ("nightly \u00fc", "nightly")]
        assert marks == [1.0, None, None, 2.0]
