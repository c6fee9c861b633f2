"""Start the worker, kill it at random instants, start it again; when the deck is in, prove it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .display import Display
from .evidence import read_progress

__all__ = ["ImportFailed", "Kill", "Supervisor", "kill_plan"]

EXAMPLES = Path(__file__).parents[1]
LOOK_EVERY = 0.02
STALLED_AFTER = 60.0


@dataclass(frozen=True, slots=True)
class Kill:
    """When to kill: *delay* seconds after *cards* cards are in and the worker has begun to work."""

    cards: int
    delay: float


class ImportFailed(Exception):
    """A worker ended on its own before the deck was in.

    Attributes:
        status: The exit status to pass on.
    """

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


def kill_plan(total: int, kills: int, pace: float, rng: random.Random) -> list[Kill]:
    """Spread *kills* over the import of *total* cards, early enough for each of them to find the worker at work.

    The more kills there are for the cards, the shorter each worker lives, so that the last one still finds cards.
    """
    last = max(0, min(total - 9, total * 9 // 10))
    longest = pace * min(1.0, total / (8 * kills)) if kills else 0.0
    return [Kill(cards, rng.uniform(0, longest)) for cards in sorted(rng.randint(0, last) for _ in range(kills))]


class Supervisor:
    """Brings one deck in, whatever happens to the workers.

    Attributes:
        kills: How many kills have struck.
    """

    def __init__(self, file: Path, workdir: Path, *, pace: float, plan: list[Kill], display: Display) -> None:
        self._file = file
        self._workdir = workdir
        self._pace = pace
        self._plan = deque(plan)
        self._display = display
        self.kills = 0

    def bring_in(self) -> None:
        """Run one worker after another until one gets to the end.

        Raises:
            ImportFailed: If a worker ends with an error, or makes no progress any more.
        """
        log = self._workdir / "worker.log"
        with log.open("ab") as output:
            while True:
                with self._start(output) as worker:
                    try:
                        self._watch(worker)
                    finally:
                        worker.kill()  # on every way out, Ctrl-C included; a worker that has ended does not mind
                if worker.returncode == 0:
                    return
                if worker.returncode != -signal.SIGKILL:
                    said = _last_line(log) or f"worker {worker.pid} ended with status {worker.returncode}"
                    raise ImportFailed(max(worker.returncode, 1), said)

    def _start(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "flashcards.worker", str(self._file)]
        command += ["--workdir", str(self._workdir), "--pace", str(self._pace)]
        path = os.pathsep.join(filter(None, [str(EXAMPLES), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path}
        worker = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self._display.started(worker.pid)
        return worker

    def _watch(self, worker: subprocess.Popen[bytes]) -> None:
        """Return when *worker* has ended, or was killed as planned."""
        due = float("inf")
        progress, since = (-1, -1), time.monotonic()
        while worker.poll() is None:
            now = time.monotonic()
            seen = cards, begun = self._look(worker)
            self._display.advanced(cards)
            if now >= due:
                self._kill(worker, cards)
                return
            if self._plan and begun and cards >= self._plan[0].cards and due == float("inf"):
                due = now + self._plan[0].delay
            if seen != progress:
                progress, since = seen, now
            elif now - since > STALLED_AFTER:
                raise ImportFailed(1, f"worker {worker.pid} has done nothing for {STALLED_AFTER:g} s")
            time.sleep(LOOK_EVERY)
        self._display.advanced(self._look(worker)[0])

    def _look(self, worker: subprocess.Popen[bytes]) -> tuple[int, bool]:
        return read_progress(self._workdir / "cards.db", self._file.stem, worker.pid)

    def _kill(self, worker: subprocess.Popen[bytes], cards: int) -> None:
        worker.kill()
        if worker.wait() == -signal.SIGKILL:  # and not an end of its own, an instant earlier
            self._plan.popleft()
            self.kills += 1
            self._display.killed(worker.pid, self.kills, cards)


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
