"""A failure is never silent: whoever asks gets it, and if nobody does, it is logged once."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any

import pytest

from cnstra import CNS, Axon, Signal, StimulationAborted, StimulationFailed, collateral, neuron
from cnstra.errors import CNSError, RunFinished

start = collateral(int, name="start")


class Outputs(Axon):
    step = collateral(int)


def fail(payload: int) -> None:
    raise ValueError(payload)


async def fail_later(payload: int) -> None:
    await asyncio.sleep(0)
    raise ValueError(payload)


def failing(handler: Any = fail) -> CNS[Any]:
    return CNS([neuron({}, name="failing").dendrite(start, handler)])


async def rounds(count: int = 6) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int, str]]:
    return [(record.name, record.levelno, record.getMessage()) for record in caplog.records]


UNSEEN = [("cnstra", logging.ERROR, "run, which nobody awaits, failed")]


def test_a_failure_without_an_event_loop_is_logged_at_once(caplog: pytest.LogCaptureFixture) -> None:
    failing().stimulate(start.create_signal(1))

    assert logged(caplog) == UNSEEN
    assert "in neuron failing on start, hop 1" in caplog.text


@pytest.mark.parametrize("handler", [fail, fail_later])
async def test_a_failure_that_nobody_awaits_is_logged_once(caplog: pytest.LogCaptureFixture, handler: Any) -> None:
    run = failing(handler).stimulate(start.create_signal(1))
    await rounds()

    assert run.done
    assert logged(caplog) == UNSEEN


@pytest.mark.parametrize("handler", [fail, fail_later])
@pytest.mark.parametrize("how", ["await", "wait_until_complete", "gather", "task", "wait_for", "later"])
async def test_a_failure_that_somebody_awaits_is_not_logged(
    caplog: pytest.LogCaptureFixture, handler: Any, how: str
) -> None:
    run = failing(handler).stimulate(start.create_signal(1))
    if how == "later":
        await asyncio.sleep(0)

    with pytest.raises(StimulationFailed):  # noqa: PT012 - the ways to wait are what is tested
        if how == "gather":
            await asyncio.gather(run)
        elif how == "task":
            await asyncio.ensure_future(run.wait_until_complete())
        elif how == "wait_for":
            await asyncio.wait_for(run, 10)
        elif how == "wait_until_complete":
            await run.wait_until_complete()
        else:
            await run
    await rounds()

    assert logged(caplog) == []


def test_looking_at_the_failed_tasks_of_a_finished_run_is_asking(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        run = failing().stimulate(start.create_signal(1))
        assert len(run.get_failed_tasks()) == 1
        await rounds()

    asyncio.run(main())

    assert logged(caplog) == []


async def test_a_listener_has_seen_the_failure(caplog: pytest.LogCaptureFixture) -> None:
    failing().stimulate(start.create_signal(1), on_response=lambda _: None)
    await rounds()

    assert logged(caplog) == []


async def test_a_failure_is_raised_to_everyone_who_awaits_it() -> None:
    run = failing(fail_later).stimulate(start.create_signal(1))

    outcomes = await asyncio.gather(run, run.wait_until_complete(), run, return_exceptions=True)
    with pytest.raises(StimulationFailed) as failed:
        await run

    assert all(outcome is failed.value for outcome in outcomes)


def test_a_failure_is_logged_although_the_event_loop_is_closed_at_once(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()

    async def leave_it() -> None:
        failing().stimulate(start.create_signal(1))

    loop.run_until_complete(leave_it())
    loop.close()
    gc.collect()

    assert logged(caplog) == UNSEEN


def test_a_failure_is_logged_before_asyncio_run_returns(caplog: pytest.LogCaptureFixture) -> None:
    async def leave_it() -> None:
        failing().stimulate(start.create_signal(1))

    asyncio.run(leave_it())

    assert logged(caplog) == UNSEEN


class Stubborn(Exception):
    """An exception that takes no notes."""

    def add_note(self, note: str, /) -> None:
        raise RuntimeError(note)


@pytest.mark.parametrize("options", [{}, {"on_response": lambda _: None}], ids=["plain", "watched"])
async def test_an_exception_that_takes_no_notes_is_a_failure_like_any_other(options: dict[str, Any]) -> None:
    def fail_stubbornly(payload: int) -> None:
        raise Stubborn

    with pytest.raises(StimulationFailed) as failed:
        await failing(fail_stubbornly).stimulate(start.create_signal(1), **options)

    assert isinstance(failed.value.exceptions[0], Stubborn)


async def test_a_listener_may_raise_an_exception_that_takes_no_notes() -> None:
    def listen(response: object) -> None:
        raise Stubborn

    with pytest.raises(StimulationFailed, match="1 failed listener"):
        await CNS([]).stimulate(start.create_signal(1), on_response=listen)


async def test_an_interrupted_run_that_nobody_awaits_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def cancel(payload: int) -> None:
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    failing(cancel).stimulate(start.create_signal(1))
    await rounds()

    assert logged(caplog) == UNSEEN


@pytest.mark.parametrize("after_failure", [False, True])
async def test_an_aborted_run_is_logged_only_if_something_failed(
    caplog: pytest.LogCaptureFixture, *, after_failure: bool
) -> None:
    cns = CNS([neuron({}).dendrite(start, fail), neuron({}).dendrite(Outputs.step, lambda payload: asyncio.sleep(0))])
    entries = [start.create_signal(1)] if after_failure else []

    run = cns.stimulate([*entries, *(Outputs.step.create_signal(n) for n in range(2))], concurrency=1)
    run.abort()
    await rounds()

    assert run.done
    assert logged(caplog) == (UNSEEN if after_failure else [])


async def test_an_aborted_run_that_also_failed_raises_the_abort_caused_by_the_failure() -> None:
    cns = CNS([neuron({}).dendrite(start, fail), neuron({}).dendrite(Outputs.step, lambda payload: asyncio.sleep(0))])

    run = cns.stimulate([start.create_signal(1), *(Outputs.step.create_signal(n) for n in range(2))], concurrency=1)
    run.abort("enough")
    with pytest.raises(StimulationAborted, match="enough") as aborted:
        await run

    assert isinstance(aborted.value.__cause__, StimulationFailed)
    assert [failure.aborted for failure in run.get_failed_tasks()] == [False, True]


async def test_a_run_that_ended_takes_no_more_tasks() -> None:
    run = failing().stimulate(start.create_signal(1))

    with pytest.raises(RunFinished, match="start another one") as refused:
        run.enqueue_tasks(run.get_failed_tasks())

    assert isinstance(refused.value, RuntimeError)
    assert isinstance(refused.value, CNSError)


async def test_a_failed_step_is_repeated_with_the_same_tasks_and_context() -> None:
    ran: list[str] = []

    async def first(payload: int, axon: Outputs, ctx: Any) -> Signal[int]:
        ran.append("first")
        ctx.set({"processed": ["first"]})
        return axon.step.create_signal(payload)

    async def second(payload: int, axon: object, ctx: Any) -> None:
        ran.append("second")
        if ctx.get() is None:
            ctx.set(1)
            raise ValueError("simulated")

    one, two = neuron(Outputs).dendrite(start, first), neuron({}).dendrite(Outputs.step, second)
    cns = CNS([one, two])
    failed = cns.stimulate(start.create_signal(42))
    with pytest.raises(StimulationFailed):
        await failed
    await cns.activate(failed.get_failed_tasks(), ctx=failed.get_context())

    assert ran == ["first", "second", "second"]
    assert failed.get_context().get_all() == {one: {"processed": ["first"]}, two: 1}


def test_a_run_shows_where_it_stands() -> None:
    run = failing().stimulate(start.create_signal(1))
    run.get_failed_tasks()

    assert repr(run) == "<Stimulation done>"
    assert run.hop_count == 1


async def test_a_run_under_way_shows_its_counters() -> None:
    run = CNS([neuron({}).dendrite(start, lambda payload: asyncio.sleep(0))]).stimulate(
        [start.create_signal(1), start.create_signal(2)], concurrency=1
    )

    assert repr(run) == "<Stimulation 1 pending, 1 active>"
    await run
