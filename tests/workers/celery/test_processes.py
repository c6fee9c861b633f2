"""Workers of a Celery app: their processes are killed, frozen, blocked, asked to stop and told to hurry."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.workers.celery.crew import Crew, kill_process, on_rabbitmq, processes_of
from tests.workers.working import NEURONS

COLD = signal.SIGQUIT
WARM = signal.SIGTERM


def test_a_job_whose_processes_are_killed_three_times_goes_on(crew: Crew) -> None:
    crew.add(1)
    crew.hold("1 n1")
    worker = crew.start(processes=1)
    for held, then in (("1 n1 1", "1 n2"), ("1 n2 2", "1 n2"), ("1 n2 3", "")):
        crew.until_held(held)
        [victim] = processes_of(worker)
        kill_process(victim)
        crew.hold(then)
    crew.until_completed()

    assert crew.log == ["1 n0 1", "1 n1 1", "1 n1 2", "1 n2 2", "1 n2 3", "1 n2 4", "1 n3 4"]


def test_a_worker_that_is_killed_whole_loses_nothing_to_the_one_after_it(crew: Crew) -> None:
    crew.add(1)
    crew.hold("1 n2")
    first = crew.start()
    crew.until_held("1 n2 1")
    crew.kill(first)
    crew.hold("")
    crew.start(runs=10)
    crew.until_completed()

    assert crew.log == ["1 n0 1", "1 n1 1", "1 n2 1", "1 n2 2", "1 n3 2"]


@pytest.mark.parametrize("signals", [[WARM], [WARM, WARM], [COLD]], ids=["warm", "warm twice", "cold"])
def test_a_worker_that_stops_gives_its_job_back(crew: Crew, signals: list[signal.Signals]) -> None:
    crew.add(1)
    crew.hold("1 n2")
    first = crew.start(grace=0.05 if len(signals) == 1 else 1000.0)
    crew.until_held("1 n2 1")
    for one in signals:
        said = crew.said.count("Warm shutdown")
        first.send_signal(one)
        if one is WARM:
            crew.until(lambda: crew.said.count("Warm shutdown") > said)  # noqa: B023 - called here
    status = first.wait(60)
    left = crew.statuses()
    crew.hold("")
    crew.start()
    crew.until_completed()

    assert (status, left) == (0, {"pending": 1}), crew.said
    assert crew.log == ["1 n0 1", "1 n1 1", "1 n2 1", "1 n2 2", "1 n3 2"]


def test_a_worker_that_was_answered_leaves_nothing_behind(crew: Crew) -> None:
    for number in range(10):
        crew.add(number, f"job-{number}")
    worker = crew.start()
    crew.until_completed(10)

    assert crew.stop(worker) == 0, crew.said
    assert crew.waiting() == 0


@on_rabbitmq
def test_a_handler_that_blocks_its_process_keeps_its_run_and_is_named(crew: Crew) -> None:
    crew.add(1)
    crew.hold("1 n1 blocking")
    crew.start(processes=1, lease=0.6, loop_watch=0.3)
    crew.start(processes=1, lease=0.6, runs=10)
    crew.until_held("1 n1 1")
    time.sleep(4 * 0.6)
    crew.hold("")
    crew.until_completed()

    assert crew.log == ["1 n0 1", "1 n1 1", "1 n2 1", "1 n3 1"]
    assert "neuron n1 on c1 blocks the event loop" in crew.said


@on_rabbitmq
def test_a_process_that_stood_still_past_its_lease_changes_nothing(crew: Crew) -> None:
    crew.add(1)
    crew.hold("1 n1")
    worker = crew.start(processes=1, lease=0.6)
    crew.until_held("1 n1 1")
    [zombie] = processes_of(worker)
    os.kill(zombie, signal.SIGSTOP)
    crew.hold("")
    crew.start(processes=1, lease=0.6, runs=10)
    crew.until_completed()
    os.kill(zombie, signal.SIGCONT)
    crew.until(lambda: "'repeated': True" in crew.said)
    status = crew.stop(worker)

    assert status == 0, crew.said
    assert crew.log == ["1 n0 1", "1 n1 1", "1 n1 2", "1 n2 2", "1 n3 2"]


def test_the_same_job_twice_at_once_has_one_owner(crew: Crew) -> None:
    crew.add(1)
    crew.add(1)
    crew.hold("1 n2")
    worker = crew.start(processes=2)
    crew.until_held("1 n2 1")
    crew.until(lambda: "has the run" in crew.said)
    crew.hold("")
    crew.until(lambda: crew.said.count("succeeded in") == 2)

    assert crew.stop(worker) == 0, crew.said
    assert crew.log == ["1 n0 1", "1 n1 1", "1 n2 1", "1 n3 1"]
    assert crew.waiting() == 0


@on_rabbitmq
def test_a_soft_time_limit_ends_a_turn_and_not_the_run(crew: Crew) -> None:
    crew.add(1)
    crew.hold("1 n1")
    crew.start(processes=1, soft_time_limit=1, grace=0.05)
    crew.until_held("1 n1 2")
    crew.hold("")
    crew.until_completed()

    assert crew.log[:3] == ["1 n0 1", "1 n1 1", "1 n1 2"]
    assert "its soft time limit has passed" in crew.said


@on_rabbitmq
def test_processes_that_are_replaced_after_each_task_run_all_jobs(crew: Crew) -> None:
    for number in range(5):
        crew.add(number, f"job-{number}")
    worker = crew.start(runs=10, settings={"worker_max_tasks_per_child": 1})
    crew.until_completed(5)

    assert crew.stop(worker) == 0, crew.said
    assert len(crew.log) == 5 * NEURONS
    assert crew.waiting() == 0
