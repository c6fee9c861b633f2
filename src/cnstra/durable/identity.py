"""Who a worker is, and whether another worker of this machine still lives."""

from __future__ import annotations

import os
import platform
import secrets
import time
from collections.abc import Iterable
from pathlib import Path

from cnstra.persist.records import WorkerRecord

__all__ = ["dead_workers", "new_stimulation_id", "new_worker_id", "this_host", "this_process"]


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
