"""Who a worker is, and whether another worker of this machine still lives."""

from __future__ import annotations

import os
import platform
import secrets
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, final
from weakref import WeakValueDictionary

from cnstra.persist.records import WorkerRecord

__all__ = [
    "Host",
    "Living",
    "ThisProcess",
    "dead_workers",
    "new_stimulation_id",
    "new_worker_id",
    "this_host",
    "this_process",
]


class Living(Protocol):
    """Something that can tell whether it still works."""

    def is_alive(self) -> bool:
        """Whether it does."""
        ...


class Host(Protocol):
    """What a worker must know of its process and its machine; a simulation has hosts of its own."""

    def new_worker_id(self) -> str:
        """Return a name that no other worker has."""
        ...

    def record(self, worker_id: str) -> WorkerRecord:
        """Return the row of a worker that starts here and now."""
        ...

    def enter(self, worker_id: str, worker: Living) -> bool:
        """Take note of a worker that has opened; return ``False`` if there was one of this name here already."""
        ...

    def leave(self, worker_id: str, worker: Living) -> None:
        """Take note that a worker has closed."""

    def dead(self, workers: Iterable[WorkerRecord]) -> set[str]:
        """Return those of *workers* that are known to be gone, however long their leases last."""
        ...


_here: WeakValueDictionary[str, Living] = WeakValueDictionary()
"""The workers of this process, by id: one that was dropped without being closed is dead although its process lives."""


@final
class ThisProcess:
    """The process that asks, on its machine."""

    def new_worker_id(self) -> str:
        """Return a name that no other worker has."""
        return new_worker_id()

    def record(self, worker_id: str) -> WorkerRecord:
        """Return the row of a worker that starts here and now."""
        return this_process(worker_id)

    def enter(self, worker_id: str, worker: Living) -> bool:
        """Take note of a worker that has opened; return ``False`` if there was one of this name here already."""
        is_first = worker_id not in _here
        _here[worker_id] = worker
        return is_first

    def leave(self, worker_id: str, worker: Living) -> None:
        """Take note that a worker has closed."""
        if _here.get(worker_id) is worker:
            del _here[worker_id]

    def dead(self, workers: Iterable[WorkerRecord]) -> set[str]:
        """Return the workers of this machine whose process is gone, and those that this process has dropped."""
        rows = list(workers)
        host, pid = this_host(), os.getpid()
        dropped = {
            row.worker_id for row in rows if row.host == host and row.pid == pid and not _lives_here(row.worker_id)
        }
        return dead_workers(rows) | dropped


def _lives_here(worker_id: str) -> bool:
    worker = _here.get(worker_id)
    return worker is not None and worker.is_alive()


def new_worker_id() -> str:
    """Return a name for a worker: host, process, and something that no earlier process had."""
    return f"{platform.node() or 'host'}-{os.getpid()}-{secrets.token_hex(4)}"


def this_host() -> str:
    """Return what two processes share if a process id means the same to both: a boot and a PID namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()  # no /proc: a reboot looks like the same host, and the lease decides


def this_process(worker_id: str) -> WorkerRecord:
    """Return the record of a worker in this process."""
    return WorkerRecord(worker_id, this_host(), os.getpid(), time.time())


def dead_workers(workers: Iterable[WorkerRecord]) -> set[str]:
    """Return the workers of this host whose process is gone: their runs need not wait for the lease to end.

    A process id that was given to another process meanwhile looks alive; then the lease decides.
    """
    host = this_host()
    return {worker.worker_id for worker in workers if worker.host == host and not _is_alive(worker.pid)}


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it exists and belongs to somebody else
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Tell whether a process has died and its parent has not asked yet; only Linux says so."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in {"Z", "X"}


def new_stimulation_id() -> str:
    """Return a UUID of version 7 (RFC 9562): ids that are made later sort later."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | (0x7 << 76) | (secrets.randbits(12) << 64) | (0b10 << 62) | secrets.randbits(62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
