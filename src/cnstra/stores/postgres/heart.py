"""The heartbeat's own connection, for a thread that must never hang for longer than a lease."""

from __future__ import annotations

import select
import threading
import time
from typing import Any, Final, final

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from cnstra.errors import StoreError
from cnstra.stores.postgres.address import Address
from cnstra.stores.postgres.errors import NoConnection, error_of
from cnstra.stores.postgres.workers import RENEW

__all__ = ["Heart"]

# A lease that the server forgets in a crash means nothing any more: nobody waits for it to be on disk.
_SETTINGS: Final = "SET synchronous_commit = off"
_PATIENCE: Final = 10.0
"""Seconds to wait for the server, if a third of the lease is not less."""


class _NoAnswer(psycopg.OperationalError):
    """The time for an answer is over."""


@final
class Heart:
    """Renews leases on a blocking connection, which is opened by the first beat and again after it was lost."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._renew = address.names.fill(RENEW)
        self._connection: psycopg.Connection[Any] | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    def beat(self, worker_id: str, lease: float) -> bool:
        """Renew a lease; tell whether the worker's row was there.

        A third of the lease without an answer is a failure: the server may hang and keep the connection open.

        Raises:
            StoreError: If it was closed.
            psycopg.Error: If the server cannot be reached, refuses, or does not answer in time.
        """
        patience = min(lease / 3, _PATIENCE)
        with self._lock:
            if self._is_closed:
                raise StoreError(f"{self._address.label} was closed")
            if self._connection is not None:
                try:
                    return self._beat(worker_id, lease, patience)
                except _NoAnswer:
                    raise
                except psycopg.OperationalError:
                    pass  # it was cut while it was idle: the server may have been started again
            return self._beat(worker_id, lease, patience)

    def _beat(self, worker_id: str, lease: float, patience: float) -> bool:
        try:
            if self._connection is None:
                self._connection = self._connect(patience)
            values = [worker_id.encode(), str(lease).encode()]
            return _ask(self._connection.pgconn, self._renew, values, patience).command_tuples == 1
        except BaseException:
            self._drop()
            raise

    def close(self) -> None:
        """Disconnect, for good."""
        with self._lock:
            self._is_closed = True
            self._drop()

    def _connect(self, patience: float) -> psycopg.Connection[Any]:
        patience_s = max(int(patience), 1)
        try:
            connection = psycopg.connect(self._address.conninfo, autocommit=True, connect_timeout=patience_s)
        except psycopg.OperationalError as error:
            raise NoConnection(str(error)) from error
        try:
            _ask(connection.pgconn, _SETTINGS.encode(), [], patience)
        except BaseException:
            connection.close()
            raise
        return connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _ask(pgconn: PGconn, text: bytes, values: list[bytes], patience: float) -> PGresult:
    """Run one statement with a limit on the wait for its answer, which the driver's own `execute` does not have."""
    deadline = time.monotonic() + patience
    pgconn.send_query_params(text, values)
    watch = select.poll()
    watch.register(pgconn.socket, select.POLLIN)
    while pgconn.flush() == 1 or pgconn.is_busy():
        if not watch.poll(max(deadline - time.monotonic(), 0) * 1000):
            raise _NoAnswer(f"the server has not answered for {patience:.1f} s")
        pgconn.consume_input()
    result = pgconn.get_result()
    if result is None or result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
        raise error_of(result)
    while pgconn.get_result() is not None:
        pass
    return result
