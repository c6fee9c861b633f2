"""On Redis the broker finds out late that a worker has died; the store has its runs resumed long before."""

from __future__ import annotations

from pathlib import Path

from tests.workers.celery.crew import new_crew

VISIBLE = {"broker_transport_options": {"visibility_timeout": 2, "unacked_restore_interval": 1}}


def test_a_late_redelivery_finds_the_run_done(valkey_url: str, tmp_path: Path) -> None:
    with new_crew(tmp_path, valkey_url, runs=10, settings=VISIBLE) as crew:
        crew.add(1)
        crew.hold("1 n1")
        first = crew.start()
        crew.until_held("1 n1 1")
        crew.kill(first)
        crew.hold("")
        crew.start(settings={"broker_transport_options": {"visibility_timeout": 3600}})
        crew.until_completed()
        before_the_broker_knew = crew.said.count("succeeded in")
        crew.start()  # one that looks sooner for what a worker has left unanswered
        crew.until(lambda: "'repeated': True" in crew.said)

        assert before_the_broker_knew == 0
        assert crew.log == ["1 n0 1", "1 n1 1", "1 n1 2", "1 n2 2", "1 n3 2"]
