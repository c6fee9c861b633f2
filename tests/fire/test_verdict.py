"""A verdict that finds nothing is worth nothing: each of these is evidence that was tampered with."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cnstra import DurableRunner
from cnstra.persist.records import StoredTask
from cnstra.stores import MemoryStore
from tests.fire.effects import Effects, Try
from tests.fire.graph import SHAPES, FireGraph, run_id_of
from tests.fire.verdict import Evidence, gather, judge

LOOP = run_id_of(3)


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    """Run the loop in peace."""
    [found] = asyncio.run(burnt(tmp_path, LOOP))
    return found


async def burnt(folder: Path, *run_ids: str) -> list[Evidence]:
    effects, store = Effects(folder), MemoryStore()
    graph = FireGraph(effects)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        for run_id in run_ids:
            run = await runner.stimulate(graph.entry(run_id), stimulation_id=run_id)
            assert run.stimulation is not None
            await run.stimulation.wait_quietly()
        found = await gather(store, effects, run_ids)
    effects.close()
    return found


def settled_again(task: StoredTask, attempt_number: int) -> StoredTask:
    return replace(task, settled=task.settled._replace(attempt_number=attempt_number))


def tried_again(one: Try, *, attempt_number: int | None = None, pid: int | None = None) -> Try:
    return one._replace(attempt_number=attempt_number or one.attempt_number, pid=pid or one.pid)


async def test_runs_that_nothing_disturbed_pass(tmp_path: Path) -> None:
    healthy = [run_id_of(number) for number, shape in enumerate(SHAPES) if not shape.heals]

    for evidence in await burnt(tmp_path, *healthy):
        judge(evidence)


async def test_a_run_that_should_heal_and_did_not_is_found(tmp_path: Path) -> None:
    [evidence] = await burnt(tmp_path, run_id_of(4))

    with pytest.raises(AssertionError, match="retrying-4"):
        judge(evidence)


def test_a_hop_that_is_missing_is_found(evidence: Evidence) -> None:
    with pytest.raises(AssertionError, match="is not Outcome"):
        judge(replace(evidence, history=evidence.history[:-1]))


def test_a_hop_that_is_done_twice_is_found(evidence: Evidence) -> None:
    with pytest.raises(AssertionError):
        judge(replace(evidence, history=[*evidence.history, evidence.history[-1]]))


def test_a_commit_of_an_old_attempt_is_found(evidence: Evidence) -> None:
    history = [settled_again(evidence.history[0], 2), *evidence.history[1:]]

    with pytest.raises(AssertionError, match="an old attempt has committed"):
        judge(replace(evidence, history=history))


def test_a_hop_before_its_cause_is_found(evidence: Evidence) -> None:
    first, second, *rest = evidence.history

    with pytest.raises(AssertionError, match="comes before its cause"):
        judge(replace(evidence, history=[second, first, *rest]))


def test_an_effect_that_did_not_happen_is_found(evidence: Evidence) -> None:
    with pytest.raises(AssertionError, match="too little"):
        judge(replace(evidence, effects=list(evidence.effects)[:-1]))


def test_an_effect_of_something_that_was_not_committed_is_found(evidence: Evidence) -> None:
    stray = next(iter(evidence.effects))._replace(activation_id=f"{LOOP}:99")

    with pytest.raises(AssertionError, match="too much"):
        judge(replace(evidence, effects=[*evidence.effects, stray]))


def test_an_attempt_in_two_processes_is_found(evidence: Evidence) -> None:
    tries = [tried_again(evidence.tries[0], pid=1), *evidence.tries[1:]]

    with pytest.raises(AssertionError, match="attempts in several processes"):
        judge(replace(evidence, tries=tries))


@pytest.mark.parametrize(("attempt_number", "problem"), [(1, "was on disk before"), (2, "is done since attempt 1")])
def test_a_call_of_what_was_on_disk_is_found(evidence: Evidence, attempt_number: int, problem: str) -> None:
    again = tried_again(evidence.tries[0], attempt_number=attempt_number)

    with pytest.raises(AssertionError, match=problem):
        judge(replace(evidence, tries=[*evidence.tries, again]))


def test_a_zombie_may_call_what_others_have_done(evidence: Evidence) -> None:
    history: Sequence[StoredTask] = [settled_again(task, 2) for task in evidence.history]
    tries = [tried_again(one, attempt_number=2) for one in evidence.tries]
    zombie = tried_again(evidence.tries[0], attempt_number=1, pid=1)

    judge(replace(evidence, history=history, tries=[*tries, zombie]))


async def test_a_run_that_is_lost_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="loop-3 is lost"):
        await gather(MemoryStore(), Effects(tmp_path), [LOOP])
