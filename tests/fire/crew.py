"""The worker processes of one test: started, killed, stopped and woken."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

__all__ = ["Crew", "Member", "crew"]

_ROOT = Path(__file__).parents[2]
_PATIENCE = 30.0


@contextmanager
def crew(folder: Path) -> Iterator[Crew]:
    """Return what starts processes, which are all gone at the end.

    Args:
        folder: Where their output goes, to the file ``crew.log`` or to the one that is named when they start.
    """
    # The killed have no time to say what they covered, and to measure it would slow them down.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-m", "tests.fire.forking", str(os.getpid())]
    with subprocess.Popen(
        command, cwd=_ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        members = Crew(process, folder)
        try:
            yield members
        finally:
            members.dismiss()
            process.kill()


@final
class Crew:
    """Starts processes; see `crew`."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._members: list[Member] = []

    def start(self, role: str, *, log: str = "crew.log", **arguments: Any) -> Member:
        """Start ``function(**arguments)`` of *role*, ``"module:function"``, which may be a coroutine function.

        The arguments are such that JSON can carry them.
        """
        pid = self.order({"role": role, "log": str(self._folder / log), "arguments": arguments})
        member = Member(self, pid)
        self._members.append(member)
        return member

    def said(self, log: str = "crew.log") -> str:
        """Return what the members have written into *log*."""
        path = self._folder / log
        return path.read_text(errors="replace") if path.exists() else ""

    def dismiss(self) -> None:
        """Kill everybody."""
        for member in self._members:
            member.kill()
            member.reap()

    def order(self, what: dict[str, Any]) -> int:
        """Have the forking process do something; return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@final
class Member:
    """One process. What is asked of one that has ended is not done, and is no error."""

    def __init__(self, crew: Crew, pid: int) -> None:
        self.pid = pid
        self._crew = crew
        self._handle = os.pidfd_open(pid)
        self._status: int | None = None

    def kill(self) -> None:
        """Let it die at once, wherever it is."""
        self._send(signal.SIGKILL)

    def stop(self) -> None:
        """Let it stand still, with all its threads."""
        self._send(signal.SIGSTOP)

    def wake(self) -> None:
        """Let one that stands still go on."""
        self._send(signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to end."""
        self._send(signal.SIGTERM)

    def _send(self, what: signal.Signals) -> None:
        if self._status is None:
            signal.pidfd_send_signal(self._handle, what)

    @property
    def has_ended(self) -> bool:
        """Whether it has."""
        if self._status is not None:
            return True
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return bool(poll.poll(0))

    def reap(self) -> int:
        """Wait for its end; return its exit code, or minus the signal that it died of."""
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(self._crew.order({"reap": self.pid}))
            os.close(self._handle)
        return self._status

    async def ended(self) -> int:
        """Do as `reap`, while the event loop goes on.

        Raises:
            TimeoutError: If that takes longer than half a minute.
        """
        if not self.has_ended:
            loop = asyncio.get_running_loop()
            over = asyncio.Event()
            loop.add_reader(self._handle, over.set)
            try:
                async with asyncio.timeout(_PATIENCE):
                    await over.wait()
            except TimeoutError:
                await self.confess()
                raise
            finally:
                loop.remove_reader(self._handle)
        return self.reap()

    async def confess(self) -> None:
        """Have it write into its log where it is."""
        self._send(signal.SIGUSR1)
        await asyncio.sleep(1.0)
