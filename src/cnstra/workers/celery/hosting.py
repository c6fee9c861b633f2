"""Having a `ProcessWorker` in each process of a Celery worker, from its first breath to its last."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, final

from cnstra.workers.celery.bells import Bells
from cnstra.workers.celery.client import Celery, listen
from cnstra.workers.celery.process import ProcessWorker

if TYPE_CHECKING:
    from cnstra.workers.deliveries import Delivery, Outcome

__all__ = ["Host"]

_GREEN: Final = ("gevent", "eventlet")
_NOBODY_LEFT: Final = 70
"""The exit status of a process that was born after the death of its worker; nobody is there to look at it."""


@final
class Host:
    """Has the worker of this process, whatever process this is; a child of a fork gets one of its own.

    Args:
        app: Whose workers it is for.
        make: Makes the worker of a process.
    """

    def __init__(self, app: Celery, make: Callable[[Bells | None], ProcessWorker]) -> None:
        self._app = app
        self._make = make
        self._bells: Bells | None = None
        self._main_pid = 0
        self._lock = threading.Lock()
        self._worker: ProcessWorker | None = None

    def connect(self) -> None:
        """Be told of the beginning and the end of processes."""
        os.register_at_fork(after_in_child=self._forget)
        listen(
            worker_init=self._init,
            worker_process_init=self._init_process,
            worker_process_shutdown=self._end,
            worker_shutting_down=self._ring,
            worker_shutdown=self._shut_down,
        )

    def deliver(self, delivery: Delivery) -> Outcome:
        """Run a job in this process."""
        return self._here().deliver(delivery)

    def _here(self) -> ProcessWorker:
        with self._lock:
            if self._worker is None:
                self._worker = self._make(self._bells)
                self._worker.start()
            return self._worker

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._worker = None

    # ---- told by Celery, in the main process of a worker -----------------------------------------------------

    def _init(self, sender: Any, **_: object) -> None:
        if sender.app is not self._app:
            return
        pool = sender.pool_cls if isinstance(sender.pool_cls, str) else sender.pool_cls.__module__
        if pool.endswith(_GREEN):
            raise SystemExit("durable tasks run in event loops, not in greenlets: use --pool prefork, threads or solo")
        self._bells, self._main_pid = Bells(), os.getpid()

    def _ring(self, how: str, **_: object) -> None:
        """Tell all processes: a warm shutdown would wait until their runs are at their end."""
        if self._bells is not None:
            self._bells.ring()
            if how == "Cold":
                self._bells.ring()

    def _shut_down(self, **_: object) -> None:
        self._end()
        if self._bells is not None:
            self._bells.close()
            self._bells = None

    # ---- told by Celery, in the processes that run tasks -----------------------------------------------------

    def _init_process(self, **_: object) -> None:
        if self._bells is None:  # it is no process of a worker of this app
            return
        if self._main_pid not in (os.getpid(), os.getppid()):  # the first with --pool solo
            # Celery has a child die with the main process from now on. One whose main process is dead by now would
            # wait for ever for tasks, and hold runs.
            os._exit(_NOBODY_LEFT)
        self._here()

    def _end(self, **_: object) -> None:
        with self._lock:
            worker = self._worker
        if worker is not None:
            worker.end()
