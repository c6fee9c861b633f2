"""Storing a new run."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from cnstra.persist.ports import Store
from cnstra.testing.building import (
    OPEN,
    admitted,
    frontier,
    hop,
    new_run,
    signal,
    task,
    worker,
)

__all__ = ["AdmissionContract"]


class AdmissionContract:
    """Storing a new run."""

    async def test_an_admitted_run_is_there_with_its_frontier(self, store: Store) -> None:
        state = await admitted(store, new_run(tasks=2))

        run = await store.get("", "run")
        assert run == state.run
        assert run is not None
        assert (run.status, run.owner, run.attempt_number, run.outstanding) == ("running", "worker", 1, 2)
        assert (run.options, run.volume, run.clone_of, run.entry) == (b'{"limit":5}', "full", "first", (signal(0),))
        assert await frontier(store, "run") == [task(0), task(1)]

    async def test_its_state_is_what_a_worker_starts_from(self, store: Store) -> None:
        state = await admitted(store, new_run(tasks=2))

        assert (state.sequence, state.next_task, state.next_signal) == (0, 2, 1)
        assert state.tasks == (task(0), task(1))
        assert state.signals == {0: signal(0)}
        assert (state.contexts, state.hops) == ({}, {})

    async def test_ordinals_may_be_reserved_for_the_first_attempt(self, store: Store) -> None:
        state = await admitted(store, replace(new_run(tasks=2), reserved=3))

        [taken] = await store.claim("", "other", dead=["worker"], limit=1)
        assert state.next_task == taken.next_task == 5

    async def test_a_run_may_begin_with_contexts(self, store: Store) -> None:
        state = await admitted(store, replace(new_run(), contexts={"card-0": b"1", "deck": b"null"}))

        [taken] = await store.claim("", "other", dead=["worker"], limit=1)
        assert state.contexts == taken.contexts == {"card-0": b"1", "deck": b"null"}

    async def test_a_fork_knows_where_it_comes_from(self, store: Store) -> None:
        state = await admitted(store, replace(new_run(), forked_from="first", forked_task=7))

        run = await store.get("", "run")
        assert run == state.run
        assert run is not None
        assert (run.forked_from, run.forked_task) == ("first", 7)

    async def test_names_may_be_any_text(self, store: Store) -> None:
        name = "läufe/{1}:*?[a]\n%_'\"\\ 1=1; --\N{COLLISION SYMBOL}"
        await store.add_worker(worker(name), lease=-1)
        state = await admitted(store, new_run(name, scope=name), worker_id=name)
        delta = hop(state)
        delta.contexts, delta.hops = {name: b"1"}, {name: 1}
        delta.tasks = {1: task(1, of=1)._replace(neuron_name=name, collateral_name=name)}
        await store.commit([delta])

        [taken] = await store.claim(name, "other", dead=(), limit=9)

        assert (taken.run.scope, taken.run.stimulation_id, taken.tasks) == (name, name, tuple(delta.tasks.values()))
        assert (taken.contexts, taken.hops) == ({name: b"1"}, {name: 1})
        assert [run.stimulation_id for run in await store.list(name)] == [name]

    async def test_a_payload_may_be_large(self, store: Store) -> None:
        large = signal(0)._replace(payload=b'"%s"' % (b"x" * 2_000_000))
        await admitted(store, replace(new_run(), entry=[large]))

        [outstanding] = await store.frontier("", "run")
        assert outstanding.input == large

    async def test_without_a_worker_a_run_waits(self, store: Store) -> None:
        state = await admitted(store, worker_id=None)

        assert (state.run.status, state.run.owner, state.run.attempt_number) == ("pending", None, 0)
        assert await store.attempts("", "run") == []

    async def test_a_taken_id_changes_nothing(self, store: Store) -> None:
        state = await admitted(store)

        assert await store.admit(new_run(tasks=5), "other") is None
        assert await store.get("", "run") == state.run
        assert len(await frontier(store, "run")) == 1

    async def test_of_many_admissions_of_one_id_one_succeeds(self, store: Store) -> None:
        states = await asyncio.gather(*(store.admit(new_run(), f"worker-{n}") for n in range(8)))

        assert sum(state is not None for state in states) == 1

    async def test_scopes_do_not_see_each_other(self, store: Store) -> None:
        await admitted(store, new_run(scope="a"))
        await admitted(store, new_run(scope="b"))

        assert await store.get("", "run") is None
        assert [run.scope for run in await store.list("b")] == ["b"]
        assert await store.claim("c", "worker", dead=["worker"], limit=9) == []

    async def test_an_unknown_run_has_nothing(self, store: Store) -> None:
        assert await store.get("", "nobody") is None
        assert await store.attempts("", "nobody") == []
        assert await store.tasks("", "nobody") == []
        assert await frontier(store, "nobody") == []
        assert not await store.delete("", "nobody", dead=())
        assert not await store.settle("", "nobody", "aborted", dead=())
        assert await store.take("", "nobody", "worker", statuses=OPEN, dead=()) is None
