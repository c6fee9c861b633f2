"""Whether the simulation finds what it is for: stores and workers that are broken on purpose."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from cnstra import StoreError
from cnstra.durable.gathering import Pending
from cnstra.durable.orphans import Orphans
from cnstra.durable.recorder import RunRecorder
from cnstra.durable.worker import Worker
from tests.simulation.planning import plan_of
from tests.simulation.plans import Darkness, Plan
from tests.simulation.reporting import report
from tests.simulation.shrinking import shrink
from tests.simulation.simulating import Tamper, as_it_is, simulate
from tests.simulation.tampering import TAMPERED, IgnoresTheFence, Tampered
from tests.simulation.world import Violation

ENOUGH = 500
"""Seeds; most faults are found by the first ten."""


def first_violation(
    tamper: Tamper = as_it_is, change: Callable[[Plan], Plan] = lambda plan: plan, among: int = ENOUGH
) -> Violation | None:
    for seed in range(among):
        try:
            simulate(change(plan_of(seed)), tamper)
        except Violation as violation:
            return violation
    return None


def with_a_seat_in_the_dark(plan: Plan) -> Plan:
    """Let one worker lose the store for three leases, in the middle of long runs that wait for no commit."""
    orders = tuple(replace(order, durability="exit", at=0.0, aborted=None) for order in plan.orders)
    dark = Darkness(orders[0].seats[0], plan.lease * 0.3, plan.lease * 3.3)
    return replace(
        plan, orders=orders, darknesses=(dark,), handlers_take=plan.lease * 0.3, calm_from=plan.lease * 4, mishaps=()
    )


@pytest.mark.parametrize("tampered", TAMPERED, ids=lambda tampered: tampered.__name__)
def test_the_simulation_finds_a_store_that_is_broken(tampered: type[Tampered]) -> None:
    assert first_violation(tampered) is not None


def test_the_simulation_finds_runs_that_do_not_wait_for_their_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    submit = RunRecorder._submit

    def waits_only_at_the_end(self: RunRecorder, pending: Pending, *, final: bool) -> Pending | None:
        waiting = submit(self, pending, final=final)
        return waiting if final else None

    monkeypatch.setattr(RunRecorder, "_submit", waits_only_at_the_end)

    violation = first_violation()

    assert "and is not stored" in str(violation)


def test_the_simulation_finds_orphans_that_nobody_gives_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def does_nothing(self: Orphans) -> None:
        pass

    monkeypatch.setattr(Orphans, "give_back", does_nothing)

    violation = first_violation()

    assert "not finished" in str(violation)


def test_the_simulation_finds_a_worker_that_goes_on_without_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    def stops_nothing(self: Worker, error: StoreError) -> None:
        pass

    assert first_violation(change=with_a_seat_in_the_dark, among=50) is None
    monkeypatch.setattr(Worker, "_lose", stops_nothing)

    violation = first_violation(change=with_a_seat_in_the_dark)

    assert "has lost the run, and could know of it" in str(violation)


def test_a_schedule_that_fails_is_told_of_in_the_least_form_that_still_does() -> None:
    found = first_violation(IgnoresTheFence)
    assert found is not None
    plan = found.world.plan

    least = shrink(plan, IgnoresTheFence)
    assert least is not None
    text = report(plan.seed, found, least)

    assert len(least.world.plan.orders) == 1
    assert len(least.world.plan.mishaps) <= len(plan.mishaps)
    assert f"make simulate SEED={plan.seed}" in text
    assert str(least.world.notes[-1]) in text


def test_a_schedule_that_does_not_fail_cannot_be_shrunk() -> None:
    assert shrink(plan_of(0)) is None
