"""From what the driver says to what a person can do about it."""

from __future__ import annotations

import redis.exceptions as driver

from cnstra.errors import CNSError, StoreError

__all__ = ["BadRow", "advised", "explain", "unreadable"]


class BadRow(Exception):
    """What is stored makes no sense to this code; the message says what."""


# By a word of the server's answer; the driver takes some of these words off and makes a class of them.
_ADVICE = {
    "OOM": "the server's memory is full (maxmemory), and nothing of this write was kept: make room, then go on",
    "READONLY": "the server is a replica: give the address of the primary",
    "MISCONF": "the server cannot save to its disk, so it takes no writes: make room there, then go on",
    "NOREPLICAS": "too few replicas are in reach, so the server takes no writes",
    "LOADING": "the server is still loading its data: try again soon",
    "BUSY": "a script of somebody keeps the server busy: try again, or have it stopped with SCRIPT KILL",
    "CLUSTERDOWN": "the cluster is down",
    "NOPERM": "the user may not do that: allow it the keys and channels of the prefix, INFO, and the commands of "
    "@scripting, @read, @write, @connection and @pubsub",
}
_CLASSES = {
    driver.OutOfMemoryError: "OOM",
    driver.ReadOnlyError: "READONLY",
    driver.BusyLoadingError: "LOADING",
    driver.NoPermissionError: "NOPERM",
    driver.ClusterDownError: "CLUSTERDOWN",
}


def explain(error: BaseException, label: str) -> BaseException:
    """Return *error* as a `StoreError` that names the store and says what to do; other errors come back as they are."""
    if isinstance(error, (TimeoutError, driver.TimeoutError)):
        explained = StoreError(f"{label} gave no answer in time: whether it did what was asked is not known")
    elif isinstance(error, driver.AuthenticationError):
        explained = StoreError(f"{label}: the server refuses the user or the password ({error})")
    elif isinstance(error, (driver.ConnectionError, OSError)) and type(error) not in _CLASSES:
        explained = StoreError(f"{label} is out of reach: {str(error) or type(error).__name__}")
    elif isinstance(error, (driver.RedisError, driver.RedisClusterException)):
        explained = StoreError(f"{label}: {advised(str(error), _CLASSES.get(type(error)))}")
    elif isinstance(error, (ValueError, TypeError, OverflowError)) and not isinstance(error, CNSError):
        explained = StoreError(f"{label} cannot keep that: {error}")  # a value that no encoder or script can take
    else:
        return error
    explained.__cause__ = error
    return explained


def unreadable(label: str, run_id: str | bytes, problem: object) -> StoreError:
    """Return the error of a run that cannot be read, maybe not even its id."""
    return StoreError(f"{label}: run {_shown(run_id)!r} cannot be read: {_shown(problem)}; delete or repair the run")


def _shown(told: object) -> object:
    return told.decode("utf-8", "backslashreplace") if isinstance(told, bytes) else told


def advised(text: str, word: str | None = None) -> str:
    """Return an error of the server, or of a script, with what to do about it."""
    word = word or next((word for word in _ADVICE if word in text), None)
    return text if word is None else f"{_ADVICE[word]} ({text})"
