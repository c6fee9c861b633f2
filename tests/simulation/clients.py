"""What runs in a simulated process: a runner, and clients that see their orders through."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, final

from cnstra import DurableRunner, RetryPolicy, StimulationAborted, StimulationFailed
from cnstra.errors import CNSError, RunNotFound, RunNotReady, StoreError
from cnstra.persist.settling import poisoned
from tests.simulation.accounts import RunAccount
from tests.simulation.network import RemoteStore
from tests.simulation.plans import SHAPES_EACH, Order

if TYPE_CHECKING:
    from cnstra import Signal
    from cnstra.durable.handles import DurableRun
    from tests.durability.shapes import Token
    from tests.simulation.processes import Process
    from tests.simulation.world import World

__all__ = ["OrderInHand", "live"]


@final
class OrderInHand:
    """An order while the simulation runs.

    Attributes:
        run_id: The run that is asked for.
        finished: Somebody who asked for the run has seen how it ended.
    """

    def __init__(self, world: World, number: int, order: Order) -> None:
        self.run_id = f"r{number}"
        self.order = order
        self.shape = world.pack.shapes[order.shape]
        self.finished = False
        self._world = world

    @property
    def account(self) -> RunAccount:
        """What the store has accepted of it."""
        return self._world.ledger.runs[self.run_id]

    @property
    def poisoned(self) -> str:
        """What is said of the run if it has cost too many workers their lives."""
        return poisoned(self._world.plan.max_recoveries or 0).message

    @property
    def is_resumed(self) -> bool:
        """Whether it is tried again once it was aborted."""
        return self.order.aborted is not None and self.order.resumes

    def entry(self) -> Signal[Token]:
        """Return the signal that the run starts with."""
        return self._world.pack.entry(self.order.shape)

    def was_acknowledged(self) -> None:
        """Take note that a client was told that the run is stored."""
        if self.account.status == "unknown":
            self._world.violate(f"{self.run_id} was acknowledged, and is not stored")

    def has_come_to(self, status: str) -> None:
        """Take note that a client was told how the run has ended."""
        if status not in self.account.was:
            self._world.violate(f"a client was told that {self.run_id} is {status}; it was {self.account.was}")
        self.finished = True


async def live(process: Process) -> None:
    """Be a process: open a runner, see to the orders, leave when asked to; then end."""
    world = process.world
    runner = _runner(process)
    try:
        await runner.open()
    except StoreError as error:
        world.note(process.name, "cannot open", error)
        process.die()
        return
    world.note(process.name, "is open")
    clients = [asyncio.ensure_future(_see_through(process, runner, order)) for order in world.orders_of(process)]
    clients += [asyncio.ensure_future(_abort(process, runner, order)) for order in world.aborts_of(process)]
    await process.asked_to_leave()
    await runner.close()
    for client in clients:
        client.cancel()
    for outcome in await asyncio.gather(*clients, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
            world.violate(f"a client in {process.name} got {outcome!r}")
    process.die()


def _runner(process: Process) -> DurableRunner:
    plan, pack = process.world.plan, process.world.pack
    wanted = frozenset(order.shape for order in plan.orders)
    shapes = wanted - {SHAPES_EACH - 1} if process.seat.is_old else wanted
    return DurableRunner(
        pack.cns(shapes),
        pack.registry(shapes),
        RemoteStore(process.world.network, process),
        worker_id=process.worker_id if process.seat.is_named else None,
        lease=plan.lease,
        grace=plan.grace,
        poll=plan.poll,
        max_staleness=plan.lease * 0.3,
        max_active_runs=process.seat.max_active_runs,
        max_recoveries=plan.max_recoveries,
        retention=None,
        handle_sigterm=False,
        _surroundings=process.surroundings(),
    )


async def _see_through(process: Process, runner: DurableRunner, order: OrderInHand) -> None:
    """Ask for a run again and again, until it is known how it has ended."""
    world = process.world
    await asyncio.sleep(max(order.order.at - world.elapsed, 0.0))
    while not order.finished:
        try:
            await _ask_and_wait(runner, order)
        except (StoreError, RunNotReady, RunNotFound) as error:
            world.note(process.name, f"client of {order.run_id} got {type(error).__name__}", error)
        except CNSError as error:
            if not process.is_leaving:
                raise
            world.note(process.name, f"client of {order.run_id} got {type(error).__name__}", error)
            return
        await asyncio.sleep(world.plan.lease * 0.1)


async def _ask_and_wait(runner: DurableRunner, order: OrderInHand) -> None:
    run = await _ask(runner, order)
    order.was_acknowledged()
    try:
        await run
    except StimulationFailed as error:
        if order.shape.heals or error.message == order.poisoned:
            await runner.retry(order.run_id)
        else:
            order.has_come_to("failed")
    except StimulationAborted:
        if order.is_resumed:
            await runner.retry(order.run_id)
        elif "aborted" in order.account.was:  # else it was given back, since the runner is closed
            order.has_come_to("aborted")
    else:
        order.has_come_to("completed")


async def _ask(runner: DurableRunner, order: OrderInHand) -> DurableRun:
    signal = order.entry()
    wanted = order.order
    if wanted.enqueued is None:
        return await runner.stimulate(
            signal,
            stimulation_id=order.run_id,
            durability=wanted.durability,
            volume=wanted.volume,
            concurrency=wanted.concurrency,
        )
    return await runner.enqueue(
        signal,
        stimulation_id=order.run_id,
        delay=wanted.enqueued,
        priority=wanted.priority,
        retry=None if wanted.tries is None else RetryPolicy(max_attempts=wanted.tries, first_delay=0.2),
        durability=wanted.durability,
        volume=wanted.volume,
        concurrency=wanted.concurrency,
    )


async def _abort(process: Process, runner: DurableRunner, order: OrderInHand) -> None:
    """Abort a run, or find that it is over."""
    world, account = process.world, order.account
    at, _ = order.order.aborted or (0.0, 0)
    await asyncio.sleep(max(at - world.elapsed, 0.0))
    while not account.was and not order.finished:
        try:
            await runner.abort(order.run_id, "somebody wants it")
        except (StoreError, RunNotReady, RunNotFound) as error:
            world.note(process.name, f"abort of {order.run_id} got {type(error).__name__}", error)
            await asyncio.sleep(world.plan.lease * 0.2)
        except CNSError:
            if not process.is_leaving:
                raise
            return
        else:
            if not account.was and not process.is_leaving:
                world.violate(f"an abort of {order.run_id} has returned, and it is {account.status}")
            return
