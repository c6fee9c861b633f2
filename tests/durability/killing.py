"""Kills worker processes with SIGKILL at random instants, until their runs are done all the same.

Run as ``python -m tests.durability.killing FOLDER SEED KILLS OPTIONS``. The process imports everything once, and forks
a worker for each life, so that a life costs milliseconds. Its exit status is 0 if every promise was kept.
"""

import asyncio
import json
import logging
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
import traceback
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from cnstra.stores import SqliteStore
from tests.durability.driving import Execution, Log, executions, outcome_of, require_one_meaning, work
from tests.durability.shapes import SHAPES, Shape, random_shape, reference

ORDINAL = (1 << 32) - 1


class Victims:
    """Batches of runs in one database, whose workers are killed."""

    def __init__(self, folder: Path, seed: int, options: dict[str, Any]) -> None:
        self._folder = folder
        self._database = folder / "runs.db"
        self._log = folder / "log"
        self._dice = random.Random(seed)
        self._options = options
        self._shapes = [*SHAPES, random_shape(2 * seed), random_shape(2 * seed + 1)]
        self._waits = options.get("durability", "hop") == "hop"
        self._runs: list[tuple[str, Shape]] = []
        self.kills = 0
        self.batches = 0
        self.executions = 0

    def batch(self) -> None:
        """Let workers live and die until a new batch of runs is done, and check it."""
        self._log.unlink(missing_ok=True)
        self._runs = [(f"{shape.name}-{self.batches}-{n}", shape) for shape in self._shapes for n in range(2)]
        committed: set[str] = set()
        log: list[Execution] = []
        seen = 0
        done = False
        while not done:
            done = self._life()
            log = executions(self._log)
            ran = {one.activation_id for one in log[seen:]}
            assert not ran & committed, f"committed and run again: {sorted(ran & committed)}"
            committed, stored = self._on_disk()
            assert not self._waits or ran <= stored, f"started before they were stored: {sorted(ran - stored)}"
            seen = len(log)
        self.batches += 1
        self.executions += seen
        self._check(log)

    def _life(self) -> bool:
        """Let one worker live; tell whether it got its runs done before it was killed."""
        pid = os.fork()
        if pid == 0:
            self._be_a_worker()
        self._wait_for_the_instant(pid)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            self.kills += 1
            return False
        assert os.WEXITSTATUS(status) == 0, "a worker failed; see above"
        return True

    def _be_a_worker(self) -> None:
        status = 1
        try:
            store = SqliteStore(self._database)
            asyncio.run(work(store, self._shapes, self._runs, Log(self._log), **self._options))
            status = 0
        except BaseException:  # noqa: BLE001 - said aloud, and told by the status
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _wait_for_the_instant(self, pid: int) -> None:
        """Wait for some progress, or for some time; in both cases the instant itself is a matter of chance."""
        size = self._log.stat().st_size if self._log.exists() else 0
        if self._dice.random() < 0.7:
            grown = self._dice.randint(1, 6_000)
            deadline = time.monotonic() + 2.0
        else:
            grown = sys.maxsize
            deadline = time.monotonic() + self._dice.uniform(0.0, 0.04)
        while time.monotonic() < deadline and not _has_ended(pid):
            if self._log.exists() and self._log.stat().st_size - size >= grown:
                time.sleep(self._dice.uniform(0.0, 0.002))
                return
            time.sleep(0.0002)

    def _on_disk(self) -> tuple[set[str], set[str]]:
        """Return the ids of all activations that are done according to what is on disk, and of all that it knows.

        A copy is opened, so that the next worker finds the log of SQLite as the dead one has left it.
        """
        copy = self._folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for file in self._folder.glob("runs.db*"):
            if not file.name.endswith("-shm"):
                shutil.copy(file, copy)
        if not (copy / "runs.db").exists():
            return set(), set()
        with closing(sqlite3.connect(copy / "runs.db")) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'cnstra_runs'").fetchone():
                return set(), set()
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            if not self._waits:  # ordinals are reserved ahead: what is below the next one need not exist
                return _history(connection), set()
            stored = _stored(connection)
            return stored - _frontier(connection) | _history(connection), stored

    def _check(self, log: list[Execution]) -> None:
        require_one_meaning(log)
        asyncio.run(self._check_outcomes(log))

    async def _check_outcomes(self, log: list[Execution]) -> None:
        store = SqliteStore(self._database)
        await store.open()
        for run_id, shape in self._runs:
            outcome, expected = await outcome_of(store, run_id), reference(shape)
            if self._options.get("volume") == "progress":
                if self._waits:
                    prefix = f"{run_id}:"
                    ran = {one[:4] for one in log if one.activation_id.startswith(prefix)}
                    assert Counter(one[1:] for one in ran) == expected.done + expected.left
                expected.done.clear()
                expected.emitted.clear()
            assert outcome == expected, f"{run_id}: {outcome} is not {expected}"
        await store.close()


def _stored(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute(
        "SELECT stimulation_id, next_task FROM cnstra_runs JOIN cnstra_progress USING (key)"
    ).fetchall()
    return {f"{run_id}:{ordinal}" for run_id, next_task in rows for ordinal in range(next_task)}


def _frontier(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute(
        "SELECT stimulation_id || ':' || (place & ?) FROM cnstra_frontier JOIN cnstra_runs ON key = place >> 32",
        (ORDINAL,),
    ).fetchall()
    frontier = {one for (one,) in rows}
    assert not frontier & _history(connection), "an activation is both done and to be done"
    return frontier


def _history(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute(
        "SELECT stimulation_id || ':' || ordinal FROM cnstra_history JOIN cnstra_runs USING (key) "
        "WHERE cnstra_history.status = 'done'"
    ).fetchall()
    assert len(rows) == len(set(rows)), "an activation is done twice"
    return {one for (one,) in rows}


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def main(folder: str, seed: str, kills: str, options: str) -> None:
    """Kill so often, and print how it went."""
    logging.getLogger("cnstra").setLevel(logging.CRITICAL)  # runs fail here, and not all of them are waited for
    victims = Victims(Path(folder), int(seed), json.loads(options))
    while victims.kills < int(kills):
        victims.batch()
    print(json.dumps({"kills": victims.kills, "batches": victims.batches, "executions": victims.executions}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
