"""A broker that is killed under load and comes back loses no job."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.servers.rabbitmq import RabbitServer, rabbitmq_server
from tests.servers.redis import RedisServer, redis_server
from tests.workers.celery.crew import new_crew
from tests.workers.hops import run_again

JOBS = 40
RESTORING = {
    "visibility_timeout": 5,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}


def outlive(server: RabbitServer | RedisServer, folder: Path) -> None:
    with new_crew(folder, server.url, settings={"broker_transport_options": RESTORING}) as crew:
        for number in range(JOBS):
            crew.add(number, f"job-{number}")
        worker = crew.start()
        crew.until(lambda: len(crew.log) >= JOBS)
        server.kill()
        time.sleep(1.0)  # for so long it is away
        server.start()
        crew.until_completed(JOBS)
        status = crew.stop(worker)

        assert run_again(crew.log) == []
        assert status == 0, crew.said


@pytest.mark.parametrize("broker", ["rabbitmq", "redis"])
def test_a_broker_that_is_away_under_load_loses_no_job(tmp_path: Path, broker: str) -> None:
    with rabbitmq_server() if broker == "rabbitmq" else redis_server(aof=True) as server:
        outlive(server, tmp_path)
