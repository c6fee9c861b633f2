from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any

import pytest

from cnstra.core.eager import start_eagerly


def start(coro: Coroutine[Any, Any, Any], context: contextvars.Context | None = None) -> asyncio.Task[Any]:
    return start_eagerly(asyncio.get_running_loop(), coro, context or contextvars.copy_context())


async def outcome(task: asyncio.Task[Any]) -> object:
    """Return what the task came to, or what it raised."""
    await asyncio.wait([task])
    return asyncio.CancelledError() if task.cancelled() else task.exception() or task.result()


class Door:
    """Two futures that a body waits for, one after the other, and a log of what it did."""

    def __init__(self) -> None:
        self.log: list[str] = []
        loop = asyncio.get_running_loop()
        self.first: asyncio.Future[str] = loop.create_future()
        self.second: asyncio.Future[str] = loop.create_future()

    async def body(self) -> str:
        try:
            self.log.append("in")
            self.log.append(await self.first)
            self.log.append(await self.second)
        except BaseException as error:
            self.log.append(type(error).__name__)
            raise
        return "out"


async def test_the_first_step_runs_inside_the_call() -> None:
    door = Door()

    task = start(door.body())

    assert door.log == ["in"]
    assert not task.done()
    door.first.set_result("1")
    door.second.set_result("2")
    assert await outcome(task) == "out"
    assert door.log == ["in", "1", "2"]


async def test_a_body_that_ends_at_once_gives_its_result() -> None:
    async def body() -> int:
        return 5

    assert await outcome(start(body())) == 5


async def test_a_body_that_raises_at_once_raises_from_its_task() -> None:
    problem = ValueError("broken")

    async def body() -> None:
        raise problem

    assert await outcome(start(body())) is problem


async def test_a_body_that_is_cancelled_at_once_is_a_cancelled_task() -> None:
    async def body() -> None:
        raise asyncio.CancelledError

    task = start(body())
    assert isinstance(await outcome(task), asyncio.CancelledError)

    assert task.cancelled()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
async def test_an_interrupt_of_the_first_step_leaves_the_call(kind: type[BaseException]) -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def body() -> None:
        if (task := asyncio.current_task()) is not None:
            tasks.append(task)
        raise kind

    here = asyncio.current_task()
    with pytest.raises(kind):
        start(body())

    assert asyncio.current_task() is here
    await asyncio.wait(tasks)  # the loop is left with a task that has ended, or ends now
    assert type(tasks[0].exception()) in {type(None), kind}


async def test_the_current_task_is_the_one_that_drives_every_step() -> None:
    seen: list[asyncio.Task[Any] | None] = []

    async def body() -> None:
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    here = asyncio.current_task()
    task = start(body())
    assert asyncio.current_task() is here
    await task

    assert seen == [task, task]


async def test_a_body_may_start_another_in_its_first_step() -> None:
    seen: list[asyncio.Task[Any] | None] = []
    tasks: list[asyncio.Task[Any]] = []

    async def inner() -> None:
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)

    async def outer() -> None:
        tasks.append(start(inner()))
        seen.append(asyncio.current_task())
        await tasks[0]

    task = start(outer())
    await task

    assert seen == [tasks[0], task]


def test_a_body_may_be_started_where_no_task_runs() -> None:
    seen: list[Any] = []

    async def body() -> None:
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)

    async def main() -> None:
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def begin() -> None:
            task = start(body())
            seen.append(task)
            task.add_done_callback(lambda task: ended.set_result(None))

        asyncio.get_running_loop().call_soon(begin)
        await ended

    asyncio.run(main())

    assert seen[0] is seen[1]


@pytest.mark.parametrize("seconds", [0, 0.01])
async def test_a_time_out_that_begins_in_the_first_step_cancels_the_body(seconds: float) -> None:
    async def body() -> str:
        try:
            async with asyncio.timeout(seconds):
                await asyncio.Event().wait()
        except TimeoutError:
            return "timed out"
        return "waited"

    assert await outcome(start(body())) == "timed out"


async def test_a_task_group_that_begins_in_the_first_step_waits_for_its_tasks() -> None:
    log: list[str] = []

    async def child(name: str) -> None:
        await asyncio.sleep(0)
        log.append(name)

    async def body() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child("a"))
            group.create_task(child("b"))
        log.append("end")

    await start(body())

    assert log == ["a", "b", "end"]


async def test_a_failing_child_cancels_a_task_group_that_began_in_the_first_step() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    async def body() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            await asyncio.Event().wait()

    error = await outcome(start(body()))

    assert isinstance(error, ExceptionGroup)
    assert isinstance(error.exceptions[0], ValueError)


async def test_a_cancellation_before_the_tasks_own_first_step_reaches_the_body() -> None:
    door = Door()
    task = start(door.body())

    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)

    assert door.log == ["in", "CancelledError"]
    assert door.first.cancelled()


async def test_a_cancellation_that_comes_after_what_is_waited_for_is_not_lost() -> None:
    door = Door()
    task = start(door.body())

    door.first.set_result("1")
    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)

    assert door.log[-1] == "CancelledError"


async def test_a_cancellation_of_a_body_that_yields_to_the_loop_reaches_it() -> None:
    log: list[str] = []

    async def body() -> None:
        try:
            await asyncio.sleep(0)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    task = start(body())
    task.cancel()
    await outcome(task)

    assert log == ["cancelled"]
    assert task.cancelled()


async def test_a_body_may_swallow_a_cancellation_and_go_on() -> None:
    door = Door()

    async def body() -> str:
        try:
            await door.first
        except asyncio.CancelledError:
            return await door.second
        return "not cancelled"

    task = start(body())
    task.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    door.second.set_result("went on")

    assert await outcome(task) == "went on"


async def test_a_later_cancellation_reaches_the_body() -> None:
    door = Door()
    task = start(door.body())
    door.first.set_result("1")
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    task.cancel()
    await outcome(task)

    assert door.log == ["in", "1", "CancelledError"]


async def test_a_failure_of_what_is_waited_for_reaches_the_body() -> None:
    door = Door()
    task = start(door.body())

    door.first.set_exception(ValueError("broken"))
    assert isinstance(await outcome(task), ValueError)

    assert door.log == ["in", "ValueError"]


async def test_a_body_sees_the_variables_of_its_context_in_every_step() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    seen: list[str] = []

    async def body() -> None:
        seen.append(variable.get())
        variable.set("inside")
        await asyncio.sleep(0)
        seen.append(variable.get())

    context = contextvars.copy_context()
    context.run(variable.set, "given")
    await start(body(), context)

    assert seen == ["given", "inside"]
    assert variable.get() == "none"
    assert context[variable] == "inside"


async def test_what_a_body_awaits_may_end_in_any_number_of_rounds() -> None:
    async def body() -> int:
        for _ in range(100):
            await asyncio.sleep(0)
        return 7

    assert await outcome(start(body())) == 7
