"""The progress of a job in the job itself, where only the worker that has the job can change it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, final

from cnstra.errors import Fenced

if TYPE_CHECKING:
    from cnstra.workers.bullmq.client import Job, Script

__all__ = ["SAVE_PROGRESS", "LockedProgress"]

SAVE_PROGRESS: Final = """
if redis.call("GET", KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call("HSET", KEYS[1], "progress", ARGV[3])
local most = redis.call("HGET", KEYS[4], "opts.maxLenEvents") or 10000
redis.call("XADD", KEYS[3], "MAXLEN", "~", most, "*", "event", "progress", "jobId", ARGV[2], "data", ARGV[3])
return 1
"""
"""Does what BullMQ's ``updateProgress`` does, if the lock of the job still has the caller's token; it does not ask."""


@final
class LockedProgress:
    """The checkpoint of one delivery.

    Args:
        job: As it was when this delivery has got its lock, so that nobody can have changed its progress since.
        token: Of that lock.
        script: `SAVE_PROGRESS`.
        base: What the keys of the queue begin with.
    """

    def __init__(self, job: Job, token: str, script: Script, base: str) -> None:
        self._job = job
        self._token = token
        self._script = script
        key = f"{base}{job.id}"
        self._keys = (key, f"{key}:lock", f"{base}events", f"{base}meta")

    async def load(self) -> object:
        """Return what the job keeps: 0, if that is nothing."""
        return self._job.progress

    async def save(self, progress: Mapping[str, Any]) -> None:
        """Replace it.

        Raises:
            Fenced: If the lock has run out, or another delivery has it; nothing is changed then.
        """
        text = json.dumps(progress, allow_nan=False, separators=(",", ":"))
        if not await self._script(keys=self._keys, args=(self._token, self._job.id, text)):
            raise Fenced(self._job.id, self._job.attemptsStarted)
