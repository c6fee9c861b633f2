"""Looking at a store for what has changed since the last look."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, final

from cnstra.inspection.reading import Reader
from cnstra.inspection.refs import ref_of
from cnstra.inspection.views import Views
from cnstra.persist.commands import CommandRecord
from cnstra.persist.records import RunFilter, RunRecord

__all__ = ["Change", "Lookout"]

_OPEN: Final = RunFilter(statuses=("pending", "running"))
_OPEN_RUNS: Final = 200
_NEWEST_RUNS: Final = 100
_SELDOM: Final = 2.0
"""Seconds between two looks at what changes seldom, or takes the store long to count."""
_SOON: Final = 0.5
"""The same, after runs have changed."""
_FEW_COMMANDS: Final = 20
_MANY_COMMANDS: Final = 500
_MOST_COMMANDS: Final = 2_000
_Print: TypeAlias = tuple[object, ...]


class Change(NamedTuple):
    """Something that has changed.

    Attributes:
        kind: ``run``, ``gone``, ``command``, ``stats``, ``workers`` or ``resync``.
        about: What it is about: a later change of this kind about the same makes it outdated.
        data: What it is like now.
        runs: The ids of the runs that it concerns; ``None``: whoever follows one run hears of it all the same.
    """

    kind: str
    about: str
    data: Mapping[str, Any]
    runs: Collection[str] | None = None


@final
class Lookout:
    """Remembers the runs that are open, the newest ones and those that somebody follows, and tells what has changed.

    A store has no record of what changes, so a run that is none of these may change unseen: that is told as ``resync``
    whenever it is known.

    Args:
        reader: The store.
        views: Shows records.
    """

    def __init__(self, reader: Reader, views: Views) -> None:
        self._reader = reader
        self._views = views
        self._seen: dict[str, tuple[_Print, RunRecord]] | None = None
        self._seldom_at = float("-inf")
        self._is_overtaken = False
        self._stats: Mapping[str, Any] | None = None
        self._workers: Sequence[Mapping[str, Any]] | None = None
        self._orders = OrderBook(reader, views)
        self.latest = 0.0
        """The latest time, by the store's clock, at which a run that was seen had changed."""

    @property
    def runs(self) -> list[RunRecord]:
        """The runs that are remembered."""
        return [run for _, run in (self._seen or {}).values()]

    async def look(self, followed: Collection[str]) -> list[Change]:
        """Return what has changed since the last look; the first look only remembers.

        Raises:
            StoreError: If the store is out of reach; then the next look tells of this one's changes as well.
        """
        newest = await self._reader.list(limit=_NEWEST_RUNS)
        found = {run.stimulation_id: run for run in newest.runs}
        found |= {run.stimulation_id: run for run in (await self._reader.list(_OPEN, limit=_OPEN_RUNS)).runs}
        seen = self._seen
        horizon = min((run.created_at for run in newest.runs), default=0.0) if newest.cursor is not None else 0.0
        missing = {
            name
            for name, (_, run) in (seen or {}).items()
            if name not in found and (run.ended_at is None or run.created_at > horizon)
        }
        gone = []
        for name in missing.union(followed).difference(found):
            run = await self._reader.find(name)
            if run is None:
                gone.append(name)
            else:
                found[name] = run
        changes = [] if seen is None else list(self._compare(seen, found, gone))
        if seen and newest.cursor is not None and not any(run.stimulation_id in seen for run in newest.runs):
            changes = [Change("resync", "", {"reason": "many runs have come at once"})]
        changes += await self._orders.look()
        changes += await self._seldom(is_first=seen is None, is_busy=bool(changes))
        self._seen = {name: (_print_of(run), run) for name, run in found.items()}
        self.latest = max((self.latest, *(run.updated_at for run in found.values())))
        return changes

    def _compare(
        self, seen: Mapping[str, tuple[_Print, RunRecord]], found: Mapping[str, RunRecord], gone: Collection[str]
    ) -> Iterator[Change]:
        for name in gone:
            if name in seen:
                yield Change("gone", name, {"stimulation_id": name, "ref": ref_of(name)}, (name,))
        for name, run in sorted(found.items(), key=lambda item: item[1].updated_at):
            if name not in seen or seen[name][0] != _print_of(run):
                yield self.change_of(run)

    def change_of(self, run: RunRecord) -> Change:
        """Return a run as a change."""
        return Change("run", run.stimulation_id, self._views.run(run), (run.stimulation_id,))

    async def _seldom(self, *, is_first: bool, is_busy: bool) -> list[Change]:
        now = time.monotonic()
        self._is_overtaken |= is_busy
        if now < self._seldom_at + (_SOON if self._is_overtaken else _SELDOM):
            return []
        stats = await self._reader.stats()
        counted = {"runs": dict(stats.runs), "oldest_open_at": stats.oldest_open_at}
        workers = [self._views.worker(worker) for worker in await self._reader.workers()]
        # A lease moves with each heartbeat, which is no news.
        known = [{name: value for name, value in one.items() if name != "lease_until"} for one in workers]
        self._seldom_at, self._is_overtaken = now, False
        changes = []
        if counted != self._stats and not is_first:
            changes.append(Change("stats", "", counted))
        if known != self._workers and not is_first:
            changes.append(Change("workers", "", {"workers": workers}))
        self._stats, self._workers = counted, known
        return changes


@final
class OrderBook:
    """Remembers the latest commands, and all that have not ended, and tells which have changed.

    Args:
        reader: The store.
        views: Shows them.
    """

    def __init__(self, reader: Reader, views: Views) -> None:
        self._reader = reader
        self._views = views
        self._seen: dict[int, CommandRecord] | None = None

    async def look(self) -> list[Change]:
        """Return the commands that are new, or have changed, since the last look; the first look only remembers."""
        found = {command.number: command for command in await self._latest()}
        seen, self._seen = self._seen, found
        if seen is None:
            return []
        newest = max(seen, default=0)
        return [
            self._change_of(command)
            for number, command in sorted(found.items())
            if (number > newest if number not in seen else _stage_of(seen[number]) != _stage_of(command))
        ]

    async def _latest(self) -> list[CommandRecord]:
        """Return so many of the latest commands that none is left out which had not ended, or was not there."""
        seen = self._seen
        if seen is None:
            return list(await self._reader.commands(limit=_MANY_COMMANDS))
        least = min(
            (number for number, command in seen.items() if command.ended_at is None), default=max(seen, default=0)
        )
        found = list(await self._reader.commands(limit=_FEW_COMMANDS))
        while found and found[-1].number > least and len(found) < _MOST_COMMANDS:
            page = await self._reader.commands(before=found[-1].number, limit=_MANY_COMMANDS)
            if not page:
                break
            found += page
        return found

    def _change_of(self, command: CommandRecord) -> Change:
        concerned = [name for name in (command.stimulation_id, command.made) if name is not None]
        return Change("command", command.key, self._views.command(command), concerned)


def _stage_of(command: CommandRecord) -> _Print:
    return command.status, command.takes


def _print_of(run: RunRecord) -> _Print:
    return (
        run.status,
        run.attempt_number,
        run.owner,
        run.fence,
        run.hop_count,
        run.outstanding,
        run.updated_at,
        run.abort_requested,
        run.due_at,
        run.recoveries,
    )
