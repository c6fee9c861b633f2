import os
import subprocess
import sys
import uuid

from cnstra.durable.identity import dead_workers, new_stimulation_id, new_worker_id, this_host, this_process
from cnstra.persist.records import WorkerRecord


def test_no_two_workers_of_a_process_have_one_name() -> None:
    assert new_worker_id() != new_worker_id()
    assert f"-{os.getpid()}-" in new_worker_id()


def test_a_stimulation_id_is_a_uuid_of_version_7() -> None:
    parsed = uuid.UUID(new_stimulation_id())

    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)


def test_a_process_that_is_gone_is_a_dead_worker() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert dead_workers([WorkerRecord("gone", this_host(), process.pid)]) == {"gone"}


def test_a_process_that_has_ended_and_was_not_asked_for_is_a_dead_worker() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    dead = dead_workers([WorkerRecord("zombie", this_host(), process.pid)])
    process.wait()

    assert dead == {"zombie"}


def test_living_and_remote_processes_are_not_known_to_be_dead() -> None:
    elsewhere = WorkerRecord("elsewhere", "another host", 1 << 22)

    assert dead_workers([this_process("here"), WorkerRecord("init", this_host(), 1), elsewhere]) == set()
