"""The example of a small broker does what it says."""

import signal
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "examples" / "spool.py"


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROGRAM), *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_job_whose_worker_is_killed_and_then_stopped_is_done_in_the_end(tmp_path: Path) -> None:
    start(tmp_path, "add", "tea").communicate()
    said = []
    for number in (signal.SIGKILL, signal.SIGTERM):  # while it brews; SIGTERM lets it finish that
        worker = start(tmp_path, "work")
        assert worker.stdout is not None
        said.append(worker.stdout.readline())
        worker.send_signal(number)
        said.append(worker.communicate()[0])
    last = start(tmp_path, "work")
    while list((tmp_path / "spool").glob("*.job")):
        time.sleep(0.01)
    last.terminate()
    said.append(last.communicate()[0])

    assert said == ["brewing tea\n", "", "brewing tea\n", "", "serving tea\n"]
    assert last.returncode == 0
