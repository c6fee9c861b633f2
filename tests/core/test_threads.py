"""One graph in several threads, with event loops and without: limits hold across all of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cnstra import CNS, Axon, Signal, Stimulation, StimulationAborted, collateral, neuron
from cnstra.errors import EventLoopRequired
from tests.core.traces import Trace

start = collateral(int, name="start")


class Outputs(Axon):
    step = collateral(int)


class Room:
    """Counts how many bodies are inside at once, from whatever thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.most = 0
        self.visits = 0

    def __enter__(self) -> None:
        with self.lock:
            self.inside += 1
            self.visits += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Call *work* with its number in each of *count* threads, all at once."""
    ready = threading.Barrier(count)

    def begin(number: int) -> Any:
        ready.wait()
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(begin, range(count)))


def free_slots(cns: CNS[Any]) -> int:
    (limit,) = cns._limits.values()
    assert not limit._waiting
    return limit.slots - limit._taken


@pytest.mark.parametrize("slots", [1, 2])
def test_a_limit_holds_across_threads_without_event_loops(slots: int) -> None:
    room = Room()

    def visit(payload: int) -> Signal[int] | None:
        with room:
            sum(range(50))
        return Outputs.step.create_signal(payload - 1) if payload else None

    cns = CNS([neuron(Outputs, concurrency=slots).dendrite([start, Outputs.step], visit)])

    def work(number: int) -> list[Stimulation]:
        return [cns.stimulate(start.create_signal(3)) for _ in range(50)]

    runs = [run for some in in_threads(4, work) for run in some]

    assert all(run.done for run in runs)
    assert room.visits == 4 * 50 * 4
    assert room.most <= slots
    assert free_slots(cns) == slots


@pytest.mark.parametrize("slots", [1, 2])
def test_a_limit_holds_across_event_loops(slots: int) -> None:
    room = Room()

    async def visit(payload: int) -> Signal[int] | None:
        with room:
            await asyncio.sleep(0)
        return Outputs.step.create_signal(payload - 1) if payload else None

    cns = CNS([neuron(Outputs, concurrency=slots).dendrite([start, Outputs.step], visit)])

    async def main() -> None:
        await asyncio.gather(*(cns.stimulate(start.create_signal(3)) for _ in range(20)))

    in_threads(3, lambda _: asyncio.run(main()))

    assert room.visits == 3 * 20 * 4
    assert room.most <= slots
    assert free_slots(cns) == slots


def test_a_limit_holds_across_threads_with_and_without_event_loops() -> None:
    room, plain = Room(), list[Stimulation]()

    def visit(payload: int) -> Any:
        with room:
            sum(range(50))

    async def visit_later(payload: int) -> None:
        with room:
            await asyncio.sleep(0)

    limited = neuron(Outputs, concurrency=1).dendrite(start, visit).dendrite(Outputs.step, visit_later)
    cns = CNS([limited])

    async def main() -> None:
        await asyncio.gather(*(cns.stimulate(Outputs.step.create_signal(3)) for _ in range(30)))

    def work(number: int) -> None:
        if number % 2:
            asyncio.run(main())
        else:
            plain.extend([cns.stimulate(start.create_signal(1)) for _ in range(30)])

    in_threads(4, work)

    assert all(run.done for run in plain)
    assert room.visits == 4 * 30
    assert room.most == 1
    assert free_slots(cns) == 1


def test_a_run_without_an_event_loop_goes_on_where_the_slot_was_left() -> None:
    inside, leave = threading.Event(), threading.Event()
    ran: list[str] = []

    def hold(payload: int) -> None:
        inside.set()
        leave.wait(60)

    limited = (
        neuron({}, concurrency=1)
        .dendrite(start, hold)
        .dendrite(Outputs.step, lambda: ran.append(threading.current_thread().name))
    )
    cns = CNS([limited])
    holder = threading.Thread(target=lambda: cns.stimulate(start.create_signal(1)), name="holder")
    holder.start()
    inside.wait(60)
    waiting = cns.stimulate(Outputs.step.create_signal(1))
    before = waiting.done
    leave.set()
    holder.join()

    assert not before
    assert waiting.done
    assert ran == ["holder"]


def test_a_waiting_run_without_an_event_loop_can_be_aborted_from_another_thread() -> None:
    inside, leave = threading.Event(), threading.Event()
    ran: list[int] = []
    trace = Trace()

    def hold(payload: int) -> None:
        inside.set()
        leave.wait(60)

    cns = CNS([neuron({}, concurrency=1).dendrite(start, hold).dendrite(Outputs.step, ran.append)])
    holder = threading.Thread(target=lambda: cns.stimulate(start.create_signal(1)))
    holder.start()
    inside.wait(60)
    waiting = cns.stimulate(Outputs.step.create_signal(1), on_drain=trace.on_drain)
    aborter = threading.Thread(target=waiting.abort)
    aborter.start()
    aborter.join()
    done = waiting.done
    leave.set()
    holder.join()

    assert done
    assert ran == []
    assert trace.drains == "1(1/0) 1(1/0)"
    assert free_slots(cns) == 1


def test_a_waiting_run_that_meets_a_coroutine_function_fails_alone() -> None:
    async def later(payload: int) -> None: ...

    def nest(payload: int, axon: Outputs, ctx: Any) -> Signal[int] | None:
        if payload == 0:
            runs.append(ctx.cns.stimulate(start.create_signal(1)))
            return None
        return axon.step.create_signal(payload)

    runs: list[Stimulation] = []
    cns = CNS([neuron(Outputs, concurrency=1).dendrite(start, nest), neuron({}).dendrite(Outputs.step, later)])

    outer = cns.stimulate(start.create_signal(0))

    assert outer.done
    assert outer.get_failed_tasks() == []
    assert isinstance(runs[0]._outcome, EventLoopRequired)
    assert [task.dendrite_collateral for task in runs[0].get_outstanding_tasks()] == [Outputs.step]
    assert free_slots(cns) == 1


async def test_a_synchronous_handler_may_start_a_run_of_its_own_limited_neuron() -> None:
    runs: list[Stimulation] = []
    ran: list[int] = []

    def nest(payload: int, axon: object, ctx: Any) -> None:
        ran.append(payload)
        if payload < 3:
            runs.append(ctx.cns.stimulate(start.create_signal(payload + 1)))

    await CNS([neuron({}, concurrency=1).dendrite(start, nest)]).stimulate(start.create_signal(0))
    for run in runs:
        await run

    assert ran == [0, 1, 2, 3]


def test_an_abort_comes_from_another_thread_at_any_time() -> None:
    """Whatever instant the abort hits: every run ends, and what it has not done is in its frontier."""

    def ring(payload: int) -> Signal[int] | None:
        return start.create_signal(payload + 1) if payload < 200 else None

    cns = CNS([neuron({"start": start}).dendrite(start, ring)])
    for _ in range(100):
        started = threading.Event()
        runs: list[Stimulation] = []

        def first(payload: int, axon: object, ctx: Any) -> None:
            runs.append(ctx.stimulation)  # noqa: B023 - used in this very round
            started.set()  # noqa: B023

        both = CNS([neuron({}).dendrite(start, first), *cns.neurons])
        aborter = threading.Thread(target=lambda: started.wait() and runs[0].abort())  # type: ignore[func-returns-value]  # noqa: B023
        aborter.start()
        run = both.stimulate(start.create_signal(0))
        aborter.join()

        assert run.done
        last = run.get_outstanding_tasks()
        assert len(last) <= 2
        assert bool(last) == isinstance(run._outcome, StimulationAborted)


def test_a_listener_may_be_added_from_another_thread_while_runs_are_under_way() -> None:
    def count(payload: int) -> Any:
        return [start.create_signal(payload + 1)] * (2 if payload < 6 else 0)

    async def count_later(payload: int) -> Any:
        await asyncio.sleep(0)
        ran.append(payload)
        return count(payload)

    ran: list[int] = []
    cns = CNS([neuron({"start": start}).dendrite(start, count_later)])
    trace = Trace()

    async def main() -> None:
        run = cns.stimulate(start.create_signal(0))
        await asyncio.to_thread(cns.add_response_listener, trace.on_response)
        await run

    asyncio.run(main())

    assert len(ran) == 2**7 - 1
    assert trace.responses[-1].queue_length == 0


def test_a_slot_that_comes_while_the_run_is_at_work_is_taken_in_the_same_turn() -> None:
    inside, leave = threading.Event(), threading.Event()
    trace, ran = Trace(), list[str]()

    def hold(payload: int) -> None:
        if payload:
            inside.set()
            leave.wait(60)
        ran.append(threading.current_thread().name)

    def let_go(payload: int) -> None:
        leave.set()
        holder.join()

    cns = CNS([neuron({}, concurrency=1).dendrite(start, hold), neuron({}).dendrite(Outputs.step, let_go)])
    holder = threading.Thread(target=lambda: cns.stimulate(start.create_signal(1)), name="holder")
    holder.start()
    inside.wait(60)

    run = cns.stimulate([start.create_signal(0), Outputs.step.create_signal(0)], on_drain=trace.on_drain)

    assert run.done
    assert ran == ["holder", threading.current_thread().name]
    assert trace.drains == "0(0/0)"
