"""Starting server processes for tests: where the binaries are, on which port, as whom, and how they end."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest

__all__ = [
    "Account",
    "ServerFailed",
    "directory",
    "find_in_wheel",
    "find_on_path",
    "free_port",
    "missing",
    "nobody",
    "start",
    "stop",
    "wait_until",
]

_LAUNCH = Path(__file__).with_name("launch.py")
_PATIENCE = 60.0
_starter = ThreadPoolExecutor(1, "starts servers")


class ServerFailed(Exception):
    """A server did not start or did not stop; the message has the end of its log."""


class Account(NamedTuple):
    """Whom a process runs as."""

    uid: int
    gid: int


def nobody() -> Account:
    """Return the account without rights."""
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def missing(what: str, *, hint: str) -> NoReturn:
    """Skip the test; in CI, fail it: a server that is not there must not turn CI green."""
    message = f"there is no {what}: {hint}"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def find_in_wheel(package: str, pattern: str) -> Path | None:
    """Return the newest file that *pattern* finds in an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    found = [path for root in spec.submodule_search_locations for path in Path(root).glob(pattern)]
    return max(found, default=None)


def find_on_path(*names: str) -> Path | None:
    """Return the first of these programs that is on the PATH."""
    return next((Path(path) for path in map(shutil.which, names) if path), None)


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def directory(prefix: str) -> Iterator[Path]:
    """Make a directory that every account can enter, and remove it at the end.

    What processes that were killed have left under the same prefix is removed too: the owner of a directory holds a
    lock on it for as long as it lives.
    """
    place = Path(tempfile.mkdtemp(prefix=prefix))
    place.chmod(0o755)
    lock = os.open(place, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        _sweep(prefix, place)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(lock)


def _sweep(prefix: str, mine: Path) -> None:
    an_hour_ago = time.time() - 3600  # a younger one may not be locked yet
    for left in mine.parent.glob(f"{prefix}*"):
        try:
            if left == mine or left.stat().st_mtime > an_hour_ago:
                continue
            lock = os.open(left, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        except OSError:
            pass
        finally:
            os.close(lock)


def start(
    command: Sequence[str | os.PathLike[str]],
    *,
    log: Path,
    dying: signal.Signals = signal.SIGTERM,
    account: Account | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a server that gets the signal *dying* when this process dies, however that happens (on Linux).

    Args:
        command: The program, with its full path, and its arguments.
        log: Where its output is appended.
        dying: What makes it stop.
        account: Whom it runs as; this process's own account if it is ``None``.
        env: Its environment.
    """
    # The signal comes when the thread ends that has started the process, so this is one that lives to the end.
    return _starter.submit(_start, command, log, dying, account, env).result()


def _start(
    command: Sequence[str | os.PathLike[str]],
    log: Path,
    dying: signal.Signals,
    account: Account | None,
    env: Mapping[str, str] | None,
) -> subprocess.Popen[bytes]:
    uid, gid = account or (os.getuid(), os.getgid())
    launch = [sys.executable, "-I", "-S", str(_LAUNCH), *map(str, (os.getpid(), int(dying), uid, gid))]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*launch, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            cwd=log.parent,
        )


def wait_until(answers: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once *answers* says so.

    Raises:
        ServerFailed: If the process ends before, or a minute passes.
    """
    deadline = time.monotonic() + _PATIENCE
    while not answers():
        if process.poll() is not None:
            raise ServerFailed(f"it ended with {process.returncode}:\n{_tail(log)}")
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise ServerFailed(f"it gave no answer for {_PATIENCE:g} s:\n{_tail(log)}")
        time.sleep(0.01)


def stop(process: subprocess.Popen[bytes], how: signal.Signals, log: Path) -> None:
    """End a process by the signal *how*, and wait for it; one that has ended already is left alone.

    Raises:
        ServerFailed: If it does not end in a minute; it is killed then.
    """
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise ServerFailed(f"it did not stop for {how.name}:\n{_tail(log)}") from None


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
