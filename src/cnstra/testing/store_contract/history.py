"""What is told of settled tasks."""

from __future__ import annotations

from cnstra.persist.ports import Store
from cnstra.persist.records import LogLine
from cnstra.testing.building import (
    BOOM,
    COMPLETED,
    admitted,
    after,
    failure,
    hop,
    settled,
    signal,
    task,
)

__all__ = ["HistoryContract"]


class HistoryContract:
    """What is told of settled tasks."""

    async def test_tasks_are_told_with_their_signals_in_the_order_in_which_they_settled(self, store: Store) -> None:
        state = await admitted(store)
        first = hop(state)
        await store.commit([first])
        await store.commit([hop(after(state, first), ended=COMPLETED)])

        one, two = await store.tasks("", "run")

        assert one.settled == settled(task(0))
        assert (one.input, list(one.outputs)) == (signal(0), [signal(1, producer=0)])
        assert two.settled == settled(task(1, of=1))
        assert (two.input, list(two.outputs)) == (signal(1, producer=0), [signal(2, producer=1)])

    async def test_a_retried_task_has_a_record_in_each_attempt(self, store: Store) -> None:
        state = await admitted(store)
        await store.commit([failure(state)])
        taken = await store.take("", "run", "other", statuses=["failed"], dead=())
        assert taken is not None
        await store.commit([hop(taken, ended=COMPLETED)])

        one, two = await store.tasks("", "run")

        assert (one.settled.status, one.settled.error, list(one.outputs)) == ("failed", BOOM, [])
        assert (two.settled.status, two.settled.error, len(two.outputs)) == ("done", None, 1)
        assert await store.tasks("", "run", 2) == [two]
        assert await store.tasks("", "run", 3) == []

    async def test_the_contexts_that_a_hop_changed_are_told(self, store: Store) -> None:
        state = await admitted(store)
        first = hop(state)
        first.history = [settled(task(0))._replace(contexts={"a": b"1", "b": b"null", "größe": b'"\xc3\xbc"'})]
        second = hop(after(state, first))
        second.history = [settled(task(1, of=1))._replace(contexts={"a": None})]
        third = hop(after(after(state, first), second))
        await store.commit([first, second, third])

        one, two, three = await store.tasks("", "run")

        assert one.settled.contexts == {"a": b"1", "b": b"null", "größe": b'"\xc3\xbc"'}
        assert (two.settled.contexts, three.settled.contexts) == ({"a": None}, None)

    async def test_a_task_may_have_no_input(self, store: Store) -> None:
        state = await admitted(store)
        delta = hop(state)
        delta.history = [settled(task(0, of=None))]
        await store.commit([delta])

        [one] = await store.tasks("", "run")

        assert one.input is None

    async def test_what_a_task_logged_is_told_with_it(self, store: Store) -> None:
        lines = (
            LogLine(1_700_000_000.25, "INFO", "shop.cards", "größe \x00\ud800\U0001f4a5\n'\""),
            LogLine(1_700_000_000.5, "Level 7", "", ""),
        )
        state = await admitted(store)
        first = hop(state)
        first.history = [one._replace(logs=lines) for one in first.history]
        await store.commit([first])
        await store.commit([hop(after(state, first), ended=COMPLETED)])

        one, two = await store.tasks("", "run")

        assert tuple(one.settled.logs) == lines
        assert all(isinstance(line, LogLine) for line in one.settled.logs)
        assert tuple(two.settled.logs) == ()
