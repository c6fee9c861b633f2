import asyncio
import logging
from typing import Any

import pytest

from cnstra import DurableRunner, RetryPolicy, StimulationAborted, StimulationFailed
from cnstra.errors import GraphError, RecordedFailure, RunNotReady
from cnstra.persist.ports import Store
from tests.durable.conftest import Reopen
from tests.durable.graphs import Body, Boom, Context, Graph, Item, Switch, line, line_that_waits, pass_on
from tests.durable.waiting import until, until_run

SOON = RetryPolicy(max_attempts=3, first_delay=0.001, jitter=0.0)
LATER = RetryPolicy(max_attempts=3, first_delay=3600.0, max_delay=3600.0)


def fails(times: int) -> Body:
    """Return a body that raises in so many attempts."""

    def body(item: Item, ctx: Context) -> Item:
        if ctx.attempt_number <= times:
            raise Boom(f"attempt {ctx.attempt_number}")
        return item

    return body


def runner_of(graph: Graph, store: Store, **options: Any) -> DurableRunner:
    return DurableRunner(graph.cns, graph.registry, store, **options)


async def statuses(runner: DurableRunner) -> list[str]:
    return [attempt.status for attempt in await runner.attempts("a")]


async def test_a_failed_run_is_tried_again_and_what_was_done_is_not_done_again(store: Store) -> None:
    graph = line(pass_on, fails(2), pass_on)

    async with runner_of(graph, store) as runner:
        await (await runner.enqueue(graph.signal(1), stimulation_id="a", retry=SOON))

        assert graph.ran == ["n0:1", "n1:1", "n1:1", "n1:1", "n2:1"]
        assert await statuses(runner) == ["failed", "failed", "completed"]


async def test_only_what_failed_of_a_fan_out_is_tried_again(store: Store) -> None:
    def pick(item: Item, ctx: Context) -> None:
        if item.n == 2 and ctx.attempt_number == 1:
            raise Boom

    graph = line(lambda item, ctx: [Item(1), Item(2), Item(3)], pick)
    async with runner_of(graph, store, retry=SOON) as runner:
        await (await runner.enqueue(graph.signal(1)))

    assert graph.ran == ["n0:1", "n1:1", "n1:2", "n1:3", "n1:2"]


async def test_when_its_tries_are_used_up_it_is_a_dead_letter(store: Store) -> None:
    graph = line(fails(99))

    async with runner_of(graph, store, retry=SOON) as runner:
        run = await runner.enqueue(graph.signal(1), stimulation_id="a")
        with pytest.raises(StimulationFailed) as raised:
            await run
        [dead] = await runner.list(status="failed")

    assert "attempt 3" in str(raised.value.exceptions[0])
    assert (dead.stimulation_id, dead.attempt_number, dead.starts, dead.outstanding) == ("a", 3, 3, 1)


async def test_a_dead_letter_that_is_requeued_has_all_its_tries_again(store: Store) -> None:
    graph = line(pass_on, fails(5))

    async with runner_of(graph, store, retry=SOON) as runner:
        run = await runner.enqueue(graph.signal(1), stimulation_id="a")
        with pytest.raises(StimulationFailed):
            await run
        await (await runner.requeue("a"))
        info = await runner.get("a")

    assert info is not None
    assert (info.status, info.attempt_number, info.starts) == ("completed", 6, 3)
    assert graph.ran == ["n0:1", *["n1:1"] * 6]


async def test_a_retry_by_hand_is_followed_by_all_the_tries_again(store: Store) -> None:
    graph = line(fails(5))

    async with runner_of(graph, store, retry=SOON) as runner:
        run = await runner.enqueue(graph.signal(1), stimulation_id="a")
        with pytest.raises(StimulationFailed):
            await run
        await (await runner.retry("a"))

        assert (await statuses(runner))[3:] == ["failed", "failed", "completed"]


async def test_a_console_requeues_what_it_does_not_run(stores: Reopen) -> None:
    graph, switch = line(Switch()), line(pass_on)
    async with runner_of(graph, stores()) as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(graph.signal(1), stimulation_id="a"))

    async with runner_of(graph, stores()).observer() as console:
        run = await console.requeue("a")
        info = await console.get("a")
        async with runner_of(switch, stores()):
            await run

    assert info is not None
    assert (info.status, info.owner) == ("pending", None)
    assert switch.ran == ["n0:1"]


@pytest.mark.parametrize("delay", [None, 3600.0])
async def test_a_run_that_waits_or_is_complete_is_not_requeued(delay: float | None, store: Store) -> None:
    graph = line(pass_on)

    async with runner_of(graph, store) as runner:
        run = await runner.enqueue(graph.signal(1), stimulation_id="a", delay=delay)
        if delay is None:
            await run
        with pytest.raises(RunNotReady, match="only one that has failed"):
            await runner.requeue("a")


async def test_a_policy_is_stored_with_the_run_whoever_works_on_it(stores: Reopen) -> None:
    graph = line(fails(99))
    async with runner_of(graph, stores(), max_active_runs=0, retry=SOON) as web:
        run = await web.enqueue(graph.signal(1), stimulation_id="a")

        async with runner_of(graph, stores(), retry=RetryPolicy(max_attempts=1)):
            with pytest.raises(StimulationFailed):
                await run

        assert await statuses(web) == ["failed"] * 3


async def test_a_run_without_a_policy_or_refusing_one_fails_at_once(store: Store) -> None:
    graph = line(fails(99))

    async with runner_of(graph, store, retry=SOON) as runner:
        refusing = await runner.enqueue(graph.signal(1), stimulation_id="a", retry=False)
        here = await runner.stimulate(graph.signal(1), stimulation_id="b")
        for run in (refusing, here):
            with pytest.raises(StimulationFailed):
                await run

        assert await statuses(runner) == ["failed"]


async def test_a_worker_that_meets_a_failure_that_others_have_put_off_leaves_it(stores: Reopen) -> None:
    graph = line(fails(1))
    async with runner_of(graph, stores(), retry=LATER) as runner:
        await runner.enqueue(graph.signal(1), stimulation_id="a")
        waiting = await until_run(runner, lambda run: run.attempt_number == 1 and run.owner is None)

    async with runner_of(graph, stores()) as runner:
        await runner.wait_until_idle()
        still = await runner.get("a")

    assert (waiting.status, waiting.error is not None, waiting.due_at is not None) == ("pending", True, True)
    assert still == waiting


@pytest.mark.parametrize("kinds", [(Boom,), ("Boom",)])
async def test_what_it_is_no_use_to_try_again_is_not_tried_again(kinds: Any, store: Store) -> None:
    graph = line(fails(99))
    hopeless = RetryPolicy(first_delay=0.001, give_up_on=kinds)

    async with runner_of(graph, store) as runner:
        run = await runner.enqueue(graph.signal(1), stimulation_id="a", retry=hopeless)
        with pytest.raises(StimulationFailed):
            await run

        assert await statuses(runner) == ["failed"]


async def test_an_aborted_run_is_not_tried_again(store: Store) -> None:
    async def abort_and_fail(item: Item, ctx: Context) -> None:
        ctx.stimulation.abort("enough")
        raise Boom

    graph = line(abort_and_fail)
    async with runner_of(graph, store, retry=SOON) as runner:
        run = await runner.enqueue([graph.signal(1), graph.signal(2)], stimulation_id="a", concurrency=1)
        with pytest.raises(StimulationAborted, match="enough"):
            await run

        assert await statuses(runner) == ["aborted"]


async def test_a_run_that_waits_for_its_next_try_can_be_aborted(store: Store) -> None:
    graph = line(fails(1))

    async with runner_of(graph, store, retry=LATER) as runner:
        run = await runner.enqueue(graph.signal(1), stimulation_id="a")
        await until_run(runner, lambda info: info.attempt_number == 1 and info.owner is None)
        await runner.abort("a", "enough")
        with pytest.raises(StimulationAborted, match="enough"):
            await run


async def test_a_run_of_which_only_a_listener_failed_is_not_tried_again(store: Store) -> None:
    graph = line(pass_on)

    def listen(response: Any) -> None:
        raise Boom

    async with runner_of(graph, store, retry=SOON) as runner:
        graph.cns.add_response_listener(listen)
        run = await runner.enqueue(graph.signal(1), stimulation_id="a")
        with pytest.raises(StimulationFailed):
            await run

        assert await statuses(runner) == ["failed"]


async def test_a_stop_of_the_worker_is_no_failure(stores: Reopen) -> None:
    graph, release = line_that_waits()
    async with runner_of(graph, stores(), retry=RetryPolicy(max_attempts=1), grace=0.01) as runner:
        await runner.enqueue(graph.signal(1), stimulation_id="a")
        await until(lambda: bool(graph.ran))

    release.set()
    async with runner_of(graph, stores()) as runner:
        await runner.wait("a")
        info = await runner.get("a")

    assert info is not None
    assert (info.status, info.attempt_number, info.starts) == ("completed", 2, 1)


async def test_a_failure_that_is_followed_by_another_try_is_a_warning_and_only_the_last_an_error(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    graph = line(fails(99))

    async with runner_of(graph, store, retry=SOON) as runner:
        await runner.enqueue(graph.signal(1), stimulation_id="a")
        await until_run(runner, lambda info: info.status == "failed")
        await runner.wait_until_idle()
        await asyncio.sleep(0)

    told = [(one.levelno, one.getMessage()) for one in caplog.records if one.name == "cnstra"]
    assert told[0] == (logging.WARNING, "run 'a' failed at start 1 and is tried again in 0.001 s: Boom: attempt 1")
    assert [level for level, _ in told] == [logging.WARNING, logging.WARNING, logging.ERROR]


@pytest.mark.parametrize("durability", ["hop", "interval", "exit"])
async def test_it_is_tried_again_whenever_it_is_stored(durability: Any, store: Store) -> None:
    graph = line(pass_on, fails(2), pass_on)

    async with runner_of(graph, store, durability=durability, retry=SOON) as runner:
        await (await runner.enqueue(graph.signal(1), stimulation_id="a"))
        info = await runner.get("a")

    assert info is not None
    assert (info.status, info.outstanding, info.starts) == ("completed", 0, 3)
    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n1:1", "n2:1"]


async def test_a_clone_is_tried_again_like_its_original(store: Store) -> None:
    graph = line(fails(1))

    async with runner_of(graph, store) as runner:
        await (await runner.enqueue(graph.signal(1), stimulation_id="a", retry=SOON))
        await (await runner.clone("a", new_id="b"))

        assert [one.status for one in await runner.attempts("b")] == ["failed", "completed"]


async def test_many_wait_for_a_run_through_all_of_its_tries(stores: Reopen) -> None:
    graph = line(fails(2))
    async with runner_of(graph, stores(), retry=SOON) as runner, runner.observer() as console:
        run = await runner.enqueue(graph.signal(1), stimulation_id="a")
        waiting = [asyncio.ensure_future(one) for one in (run, runner.wait("a"), console.wait("a"), run)]

        await asyncio.gather(*waiting)

        assert await statuses(runner) == ["failed", "failed", "completed"]


async def test_a_handle_of_a_live_attempt_waits_for_the_end_of_the_run(store: Store) -> None:
    release = asyncio.Event()

    async def wait(item: Item, ctx: Context) -> None:
        await release.wait()
        if ctx.attempt_number == 1:
            raise Boom

    graph = line(wait)
    async with runner_of(graph, store, retry=SOON) as runner:
        await runner.enqueue(graph.signal(1), stimulation_id="a")
        await until(lambda: bool(graph.ran))
        [live] = runner.active_runs
        waiting = asyncio.ensure_future(live.wait_until_complete())
        await asyncio.sleep(0)
        release.set()
        await waiting

        assert await statuses(runner) == ["failed", "completed"]


async def test_a_recorded_failure_counts_by_the_name_of_its_class() -> None:
    policy = RetryPolicy(give_up_on=(Boom, "KeyError"))

    assert policy.is_final(1, RecordedFailure("Boom", "x"))
    assert policy.is_final(1, ExceptionGroup("", [RecordedFailure("KeyError", "x"), Boom(), KeyError()]))
    assert not policy.is_final(1, RecordedFailure("OSError", "x"))


@pytest.mark.parametrize("retry", [3, "always", {"max_attempts": 2}])
async def test_what_is_no_policy_is_refused(retry: Any, store: Store) -> None:
    graph = line(pass_on)

    with pytest.raises(GraphError, match="retry is a RetryPolicy"):
        runner_of(graph, store, retry=retry)
    async with runner_of(graph, store) as runner:
        with pytest.raises(GraphError, match="retry is a RetryPolicy"):
            await runner.enqueue(graph.signal(1), retry=retry)
