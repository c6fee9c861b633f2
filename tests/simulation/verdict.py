"""What must be true of every run once the simulation is over."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from cnstra.persist.records import FrontierTask, StoredTask
from tests.durability.shapes import Memory, Outcome, Token
from tests.simulation.network import come_to

if TYPE_CHECKING:
    from tests.simulation.clients import OrderInHand
    from tests.simulation.world import World

__all__ = ["judge"]


def judge(world: World) -> None:
    """See that every run is what it had to become."""
    for order in world.orders:
        _judge_run(world, order)
        if world.plan.is_untroubled:
            _require_no_repetition(world, order)
        world.require_sound()


def _judge_run(world: World, order: OrderInHand) -> None:
    """See that one run is what it had to become."""
    store, run_id = world.store, order.run_id
    run = come_to(store.get("", run_id))
    history: list[StoredTask] = come_to(store.tasks("", run_id))
    frontier: list[FrontierTask] = come_to(store.frontier("", run_id))
    account = order.account

    def require(condition: object, problem: str) -> None:
        if not condition:
            world.violate(f"run {run_id}: {problem}")

    require(run is not None, "lost")
    require(run.status == account.status, f"it is {run.status}, and its account says {account.status}")
    require(run.owner is None, f"it is over, and {run.owner} holds it")
    require({one.task.ordinal for one in frontier} == set(account.frontier), "its frontier is not its account's")
    attempts = come_to(store.attempts("", run_id))
    require(all(one.status != "running" for one in attempts), "an attempt of it is still open")
    done = [task for task in history if task.settled.status == "done"]
    if order.order.volume == "full":
        require({task.settled.ordinal for task in done} == account.done, "its history is not its account's")
        _require_trace(world, order, history, frontier)
    expected = world.pack.outcomes[order.order.shape]
    if run.status == "aborted":
        require(order.order.aborted is not None, "aborted, and nobody asked for it")
        return
    wanted = "completed" if order.shape.heals else expected.status
    if run.status == "failed" and order.order.aborted is not None and order.shape.heals:
        return
    require(run.status == wanted, f"it is {run.status}, and had to be {wanted}")
    if run.status == "failed" and order.order.enqueued is not None:
        tries = order.order.tries or 1
        require(run.starts >= tries or "PoisonRun" in str(run.error), f"it was given up after {run.starts} starts")
    found = _outcome(run.status, done, frontier, order)
    if order.order.volume == "full":
        require(found.done == expected.done, f"it did {found.done}, and had to do {expected.done}")
        require(found.emitted == expected.emitted, f"it emitted {found.emitted}, not {expected.emitted}")
    require(found.left == expected.left, f"it left {found.left}, and had to leave {expected.left}")
    require(found.contexts == expected.contexts, f"it remembers {found.contexts}, not {expected.contexts}")


def _require_trace(world: World, order: OrderInHand, history: list[StoredTask], frontier: list[FrontierTask]) -> None:
    """See that every task was made by a signal, and every signal has made its tasks, done or left."""
    run_id = order.run_id
    made: Counter[int] = Counter()
    for ordinal, row in {one.settled.ordinal: one.settled.task for one in history}.items():
        if row.signal is not None:
            made[row.signal] += 1
        if f"{run_id}:{ordinal}" not in world.journal.calls:
            world.violate(f"run {run_id}: {ordinal} is in the history, and never ran")
    settled = {one.settled.ordinal for one in history}
    made.update(one.task.signal for one in frontier if one.task.ordinal not in settled and one.task.signal is not None)
    done = {one.settled.ordinal for one in history if one.settled.status == "done"}
    for ordinal, signal in order.account.signals.items():
        if signal.producer is not None and signal.producer not in done:
            world.violate(f"run {run_id}: signal {ordinal} is of {signal.producer}, which is not done")
        if made[ordinal] != world.pack.takers[signal.collateral_name]:
            world.violate(f"run {run_id}: signal {ordinal} on {signal.collateral_name} has made {made[ordinal]} tasks")
    for task in history:
        token = _token(task.input.payload if task.input else b"")
        meaning = world.journal.meanings.get(f"{run_id}:{task.settled.ordinal}")
        if meaning != (task.settled.task.neuron_name, token.key, token.round):
            world.violate(f"run {run_id}: {task.settled.ordinal} ran as {meaning}, and its input is {token}")


def _outcome(status: str, done: list[StoredTask], frontier: list[FrontierTask], order: OrderInHand) -> Outcome:
    outcome = Outcome("failed" if frontier else "completed")
    for task in done:
        token = _token(task.input.payload if task.input else b"")
        name = task.settled.task.neuron_name
        outcome.done[name, token.key, token.round] += 1
        for signal in task.outputs:
            one = _token(signal.payload)
            outcome.emitted[name, signal.collateral_name, one.key, one.round] += 1
    for left in frontier:
        token = _token(left.input.payload if left.input else b"")
        outcome.left[left.task.neuron_name, token.key, token.round] += 1
    for name, value in order.account.contexts.items():
        outcome.contexts[name] = sorted(msgspec.json.decode(value, type=Memory).seen)
    return outcome


def _token(payload: bytes) -> Token:
    return msgspec.json.decode(payload, type=Token)


def _require_no_repetition(world: World, order: OrderInHand) -> None:
    """See that nothing ran twice where nothing went wrong, except what a handler failed at."""
    for activation_id, calls in world.journal.calls.items():
        run_id, _, _ = activation_id.rpartition(":")
        neuron, _, _ = world.journal.meanings[activation_id]
        node = world.pack.nodes[neuron]
        if run_id == order.run_id and calls > node.flaky + 1 and not node.breaks:
            world.violate(f"{activation_id} ran {calls} times, and nothing has gone wrong")
