"""A thread that owns one database connection and works through what coroutines hand to it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter
from queue import SimpleQueue
from typing import TypeAlias, TypeVar, cast, final

from cnstra.errors import StoreError
from cnstra.stores.sqlite.pace import Pace

__all__ = ["DatabaseThread", "Job", "Together", "each"]

T = TypeVar("T")
_LOCK_PAUSES = (0.0001, 0.0001, 0.0002, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025)
"""How long to wait before asking again for the lock that another process holds, in seconds; the last one repeats.

The first ones are short: a small transaction on a fast disk is over within them, and asking takes 5 us.
"""
Explain: TypeAlias = Callable[[BaseException], BaseException]


@final
class Job:
    """One piece of work on the connection, and the future that waits for it; made in the event loop."""

    __slots__ = ("_loop", "future", "is_alone", "is_last", "work")

    def __init__(
        self,
        work: Callable[[sqlite3.Connection], object],
        *,
        is_alone: bool = False,
        is_last: bool = False,
        future: asyncio.Future[object] | None = None,
    ) -> None:
        self.work = work
        self.is_alone = is_alone
        self.is_last = is_last
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[object] = self._loop.create_future() if future is None else future

    def settle(self, result: object, error: BaseException | None = None) -> None:
        """Hand the outcome to the waiter, from the database's thread."""
        try:
            self._loop.call_soon_threadsafe(self._deliver, result, error)
        except RuntimeError:  # the loop has closed: nobody waits any more
            return

    def _deliver(self, result: object, error: BaseException | None) -> None:
        if self.future.done():  # its waiter was cancelled
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


Serve: TypeAlias = Callable[[sqlite3.Connection, Sequence[Job], Explain], None]


def each(connection: sqlite3.Connection, jobs: Sequence[Job], explain: Explain) -> None:
    """Do the jobs one by one, with no transaction around them."""
    for job in jobs:
        try:
            result = job.work(connection)
        except BaseException as error:  # noqa: BLE001 - whatever it is, its waiter gets it
            job.settle(None, explain(error))
        else:
            job.settle(result)


@final
class Together:
    """Does jobs in transactions.

    Args:
        busy_timeout: For how many seconds to wait for other processes that write.
        pace: Told how long each transaction has taken, from its begin to its commit.
    """

    def __init__(self, busy_timeout: float, pace: Pace) -> None:
        self._busy_timeout = busy_timeout
        self._pace = pace

    def __call__(self, connection: sqlite3.Connection, jobs: Sequence[Job], explain: Explain) -> None:
        """Do the jobs in order; those that stand alone have no transaction around them."""
        for is_alone, group in groupby(jobs, key=attrgetter("is_alone")):
            if is_alone:
                each(connection, list(group), explain)
            else:
                self._share(connection, list(group), explain)

    def _share(self, connection: sqlite3.Connection, jobs: Sequence[Job], explain: Explain) -> None:
        """Do all jobs in one transaction, so that they share its fsync; if one fails, do each in one of its own."""
        try:
            with self.transaction(connection, self._busy_timeout):
                results = [job.work(connection) for job in jobs]
        except BaseException as error:  # noqa: BLE001 - whatever it is, its waiters get it
            # A lock, a full disk, a broken file: that befalls all of them. Anything else is the fault of one.
            if len(jobs) == 1 or isinstance(error, sqlite3.OperationalError):
                for job in jobs:
                    job.settle(None, explain(error))
                return
        else:
            for job, result in zip(jobs, results, strict=True):
                job.settle(result)
            return
        for job in jobs:
            self._share(connection, [job], explain)

    @contextmanager
    def transaction(self, connection: sqlite3.Connection, wait: float) -> Iterator[None]:
        """Begin, and wait so many seconds for the lock; then commit, or roll back after an error."""
        _begin(connection, wait)
        started = time.perf_counter()
        try:
            yield
            connection.execute("COMMIT")
        finally:
            self._pace.note(time.perf_counter() - started)
            if connection.in_transaction:  # else it is committed, or the error has rolled it back already
                connection.execute("ROLLBACK")


def _begin(connection: sqlite3.Connection, wait: float) -> None:
    """Begin a transaction that may write; SQLite itself does not wait, so that it never holds up an event loop."""
    deadline = time.monotonic() + wait
    pauses = iter(_LOCK_PAUSES)
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            left = deadline - time.monotonic()
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or left <= 0:
                raise
            time.sleep(min(next(pauses, _LOCK_PAUSES[-1]), left))
        else:
            return


@final
class DatabaseThread:
    """One connection and its thread, a daemon: a store that nobody closed does not hold up the interpreter's exit.

    Args:
        name: Of the thread, for debuggers and for errors.
        connect: Opens the connection, in the thread.
        disconnect: Closes it, in the thread.
        serve: How waiting jobs are done: `each` or a `Together`.
        explain: Turns what the driver raises into what the waiter gets.
    """

    def __init__(
        self,
        name: str,
        *,
        connect: Callable[[], sqlite3.Connection],
        disconnect: Callable[[sqlite3.Connection], None],
        serve: Serve,
        explain: Explain,
    ) -> None:
        self._name = name
        self._connect = connect
        self._disconnect = disconnect
        self._serve = serve
        self._explain = explain
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None
        self._busy = threading.Lock()
        """Held by whoever uses the connection: the thread while it serves, or a caller of `run_here`."""

    async def open(self) -> None:
        """Start the thread and connect in it."""
        opened = Job(lambda _: None)
        self._jobs = SimpleQueue()
        self._thread = threading.Thread(target=self._main, args=(opened, self._jobs), name=self._name, daemon=True)
        self._thread.start()
        try:
            await opened.future
        except BaseException:
            self._jobs.put(Job(self._disconnect, is_last=True))
            self._thread = None
            raise

    async def close(self) -> None:
        """Finish what was handed over, disconnect, end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            last = Job(self._disconnect, is_last=True)
            self._jobs.put(last)
            await last.future
            thread.join()

    def run(
        self,
        work: Callable[[sqlite3.Connection], T],
        *,
        is_alone: bool = False,
        future: asyncio.Future[object] | None = None,
    ) -> asyncio.Future[T]:
        """Do *work* in the thread; await what it returns. Cancelling the waiter does not undo the work.

        With *is_alone* no transaction is opened for it, and nobody shares one with it. *future* is returned, if it was
        made already.
        """
        if self._thread is None:
            raise StoreError(f"{self._name} is not open: await its open() first")
        job = Job(work, is_alone=is_alone, future=future)
        self._jobs.put(job)
        return cast("asyncio.Future[T]", job.future)

    @contextmanager
    def borrowed(self) -> Iterator[sqlite3.Connection | None]:
        """Use the connection in the calling thread; ``None`` if it is in use, or something waits for it."""
        if self._thread is None or not self._jobs.empty() or not self._busy.acquire(blocking=False):
            yield None
            return
        try:
            yield self._connection
        finally:
            self._busy.release()

    def _main(self, opened: Job, jobs: SimpleQueue[Job]) -> None:
        try:
            connection = self._connect()
        except BaseException as error:  # noqa: BLE001 - its waiter gets it
            opened.settle(None, self._explain(error))
            return
        self._connection = connection
        opened.settle(None)
        last = None
        while last is None:
            last = self._next(connection, jobs)
        each(connection, [last], self._explain)

    def _next(self, connection: sqlite3.Connection, jobs: SimpleQueue[Job]) -> Job | None:
        """Do what waits; return the last job once it has come."""
        # A function of its own, so that no local variable holds on to old results while the thread waits.
        waiting = [jobs.get()]
        while not jobs.empty():
            waiting.append(jobs.get())
        last = waiting.pop() if waiting[-1].is_last else None
        if waiting:
            with self._busy:
                self._serve(connection, waiting, self._explain)
        return last
