"""Committing in the event loop's own thread, where the server is near."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, final

from redis.exceptions import RedisError

from cnstra.stores.redis.blocking import BlockingServer

if TYPE_CHECKING:
    from cnstra.stores.redis.address import Address
    from cnstra.stores.redis.script import Script

__all__ = ["PromptServer"]

_FAST: Final = 0.0002
"""Seconds. Giving the event loop away for an answer, and being woken by it, costs 0.05 to 0.1 ms of the processor: an
answer that comes sooner than this is better waited for. One from another machine, or from the disk, takes longer."""
_WEIGHT: Final = 0.1
_LONGEST_WAIT: Final = 0.05
_SKIPPED: Final = 64
"""After so many commits that were left to the event loop it is tried again whether the server is fast now."""


@final
class PromptServer:
    """A connection on which the event loop's thread waits, as long as that is never long.

    Args:
        address: Of the server.
    """

    def __init__(self, address: Address) -> None:
        self._server = BlockingServer(address, _LONGEST_WAIT)
        self._mean = 0.0
        self._skipped = 0

    @property
    def is_fast(self) -> bool:
        """Whether the next answer may be expected at once; now and then it is, just to see."""
        if self._mean < _FAST:
            return True
        self._skipped = (self._skipped + 1) % _SKIPPED
        return not self._skipped

    def call(self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes]) -> Any:
        """Run a script.

        Raises:
            redis.exceptions.RedisError: If there is no answer soon: whether it was run is not known then.
        """
        start = perf_counter()
        try:
            answer = self._server.call(script, keys, arguments)
        except RedisError:
            self._mean = _LONGEST_WAIT
            raise
        seconds = perf_counter() - start
        # One slow answer in a row of fast ones may be chance; one fast answer where they were slow ends the waiting.
        self._mean = self._mean + (seconds - self._mean) * _WEIGHT if self._mean < _FAST else seconds
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._server.close()
