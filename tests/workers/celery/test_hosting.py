"""The worker of each process, and the process that comes too late."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.workers.celery.crew import lives

ORPHAN = """
import os, sys, time
from pathlib import Path

from celery import Celery, signals

from cnstra.workers.celery.hosting import Host


class Process:
    def start(self):
        Path(sys.argv[1], "started").touch()


class Worker:
    app = Celery("tests")
    pool_cls = "celery.concurrency.prefork:TaskPool"


Host(Worker.app, lambda bells: Process()).connect()
signals.worker_init.send(sender=Worker)
main, child = os.getpid(), os.fork()
if child:
    Path(sys.argv[1], "pid").write_text(str(child))
    if sys.argv[2] == "stays":
        os.wait()
    os._exit(0)
while sys.argv[2] == "goes" and os.getppid() == main:
    time.sleep(0.001)
signals.worker_process_init.send(sender=None)
"""


def born(folder: Path, main: str) -> bool:
    """Let a process be born whose main process *goes* before, or *stays*; tell whether it started its worker."""
    subprocess.run([sys.executable, "-c", ORPHAN, str(folder), main], check=True, timeout=60)
    pid = int((folder / "pid").read_text())
    while lives(pid):
        time.sleep(0.01)
    return (folder / "started").exists()


def test_a_process_whose_worker_lives_starts(tmp_path: Path) -> None:
    assert born(tmp_path, "stays")


def test_a_process_whose_worker_has_died_meanwhile_ends_before_it_holds_anything(tmp_path: Path) -> None:
    assert not born(tmp_path, "goes")
