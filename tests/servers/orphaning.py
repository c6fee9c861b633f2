"""Killing a process that has started servers, to see that they die with it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["die_with_their_parent"]

_ROOT = Path(__file__).parents[2]


def die_with_their_parent(program: str) -> bool:
    """Kill a process that runs *program*, and return once its servers are gone.

    Args:
        program: Starts servers, prints the numbers of their processes and their folder, and reads to the end of its
            standard input.
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", program], cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    *servers, place = parent.stdout.readline().split()

    parent.send_signal(signal.SIGKILL)
    parent.wait()

    while any(_lives(int(server)) for server in servers):
        time.sleep(0.01)
    shutil.rmtree(place)  # the next tests would do that only in an hour
    parent.stdin.close()
    parent.stdout.close()
    return bool(servers)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
