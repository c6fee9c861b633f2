"""Jobs that no worker can run are with the dead letters at once, and do no harm."""

from __future__ import annotations

import json

from cnstra.workers.celery import TASK_NAME
from tests.workers.celery.crew import Crew, on_rabbitmq

HOSTILE = {
    "unknown": {"collateralName": "nobody", "payload": {}},
    "wrong": {"collateralName": "c0", "payload": {"n": "one"}},
    "newer": {"collateralName": "c0", "payload": {"n": 1}, "formatVersion": "7.0"},
    "later": {"collateralName": "c0", "payload": {"n": 1}, "payloadVersion": 9},
    "heavy": {"collateralName": "c0", "payload": {"n": 1, "bulk": "x" * 20_000_000}},
    "empty": None,
    "number": 7,
}
REASONS = {
    "unknown": "collateral 'nobody' is not registered",
    "wrong": "Expected `int`, got `str`",
    "newer": "written by newer code in format 7.0",
    "later": "version 9",
    "heavy": "are more than max_job_bytes=1,048,576",
    "empty": "a job is an object, not None",
    "number": "a job is an object, not 7",
}


def test_hostile_jobs_are_dead_at_once_and_the_worker_goes_on(crew: Crew) -> None:
    for name, job in HOSTILE.items():
        crew.add_raw(json.dumps(job) if name == "heavy" else job, name)
    crew.add(1)
    worker = crew.start(processes=1)
    letters = crew.dead_letters(len(HOSTILE))
    crew.until_completed()

    assert {name for name in HOSTILE if REASONS[name] not in letters[name]} == set(), letters
    assert crew.stop(worker) == 0, crew.said
    assert crew.waiting() == 0
    assert sum(crew.statuses().values()) == 1
    assert "retry" not in crew.said.lower()


@on_rabbitmq
def test_a_task_with_other_arguments_is_rejected_and_the_worker_goes_on(crew: Crew) -> None:
    crew.app.send_task(TASK_NAME, args=[1, 2, 3])
    crew.add(1)
    worker = crew.start(processes=1)
    crew.until_completed()

    assert crew.stop(worker) == 0, crew.said
    assert crew.waiting() == 0


@on_rabbitmq
def test_a_dead_letter_can_be_sent_again_as_it_is(crew: Crew) -> None:
    crew.add_raw({"collateralName": "c0", "payload": {"n": "one"}}, "a")
    crew.start(processes=1)
    crew.until(lambda: crew.waiting(f"{crew.queue}.dead") == 1)
    crew.move(f"{crew.queue}.dead", crew.queue)
    crew.until(lambda: crew.said.count("job a is dead") == 2)

    assert list(crew.dead_letters(1)) == ["a"]
