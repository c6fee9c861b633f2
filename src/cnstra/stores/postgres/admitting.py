"""Admitting runs, those together that come together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, final

import psycopg

from cnstra.persist.records import NewRun, RunState
from cnstra.stores.postgres.admission import ADMIT, FIND_ADMITTED, Admission, columns_of, tokens_of
from cnstra.stores.postgres.errors import NoConnection
from cnstra.stores.postgres.names import Names
from cnstra.stores.postgres.pipe import Pipe, Statement

__all__ = ["Admitter"]

_ROWS_AT_ONCE: Final = 1000


class _Waiting(NamedTuple):
    admission: Admission
    stored: asyncio.Future[RunState | None]


@final
class Admitter:
    """Stores new runs on a connection of its own. While one statement is under way, the next one gathers.

    Args:
        pipe: The connection.
        names: Of the tables.
        sender: Names this store in notifications.
        doubted: Called with an admission to a worker that may have been made, or was, without anybody knowing.
    """

    def __init__(self, pipe: Pipe, names: Names, sender: str, *, doubted: Callable[[Admission], None]) -> None:
        self._pipe = pipe
        self._admit = Statement(b"cnstra_admit", names.fill(ADMIT))
        self._find = Statement(b"cnstra_admitted", names.fill(FIND_ADMITTED))
        self._tail = [names.channel.encode(), sender.encode()]
        self._doubted = doubted
        self._waiting: deque[_Waiting] = deque()
        self._writer: asyncio.Task[None] | None = None

    async def admit(self, run: NewRun, worker_id: str | None) -> RunState | None:
        """Store a run; ``None`` if its id is taken.

        Raises:
            psycopg.Error: If it cannot be stored, or nobody knows whether it was.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(Admission.of(run, worker_id), loop.create_future())
        self._waiting.append(waiting)
        if self._writer is None:
            self._writer = loop.create_task(self._write(), name="cnstra admits")
        return await waiting.stored

    async def close(self) -> None:
        """Wait for what is under way, and disconnect."""
        await self._pipe.close()
        if self._writer is not None:
            await asyncio.wait([self._writer])

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self._write_together(self._next())
        finally:
            self._writer = None

    def _next(self) -> list[_Waiting]:
        batch = [self._waiting.popleft()]
        rows = batch[0].admission.rows
        while self._waiting and (rows := rows + self._waiting[0].admission.rows) <= _ROWS_AT_ONCE:
            batch.append(self._waiting.popleft())
        return batch

    async def _write_together(self, batch: Sequence[_Waiting], *, is_again: bool = False) -> None:
        """Store runs in one transaction. If the connection is lost, they are stored again: a token is admitted once."""
        try:
            states = await self._insert([waiting.admission for waiting in batch], is_again=is_again)
        except psycopg.OperationalError as error:
            if is_again or isinstance(error, NoConnection):
                for waiting in batch:
                    self._fail(waiting, error)
            else:
                await self._write_together(batch, is_again=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits gets it
            if len(batch) == 1:
                self._fail(batch[0], error)
                return
            for waiting in batch:  # it may be the fault of one
                await self._write_together([waiting], is_again=is_again)
        else:
            for waiting in batch:
                self._deliver(waiting, states.get(waiting.admission.token))

    async def _insert(self, admissions: Sequence[Admission], *, is_again: bool) -> dict[int, RunState]:
        states = await self._states_of(self._admit, admissions, [*columns_of(admissions), *self._tail])
        missing = [admission for admission in admissions if admission.token not in states]
        if is_again and missing:  # their ids are taken, maybe by themselves
            states |= await self._states_of(self._find, missing, tokens_of(missing))
        return states

    async def _states_of(
        self, statement: Statement, admissions: Sequence[Admission], values: Sequence[bytes]
    ) -> dict[int, RunState]:
        """Run a statement that returns the token, the key and the time of runs; return their states by token."""
        result = await self._pipe.run(statement, values)
        by_token = {admission.token: admission for admission in admissions}
        states = {}
        for row in range(result.ntuples):
            token, key, created_at = (result.get_value(row, column) or b"" for column in range(3))
            states[int(token)] = by_token[int(token)].state(int(key), float(created_at))
        return states

    def _deliver(self, waiting: _Waiting, state: RunState | None) -> None:
        if not waiting.stored.done():
            waiting.stored.set_result(state)
        elif state is not None:  # who wanted it was cancelled
            self._doubt(waiting.admission)

    def _fail(self, waiting: _Waiting, error: Exception) -> None:
        self._doubt(waiting.admission)
        if not waiting.stored.done():
            waiting.stored.set_exception(error)

    def _doubt(self, admission: Admission) -> None:
        if admission.worker_id is not None:
            self._doubted(admission)
