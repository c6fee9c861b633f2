"""Pages of runs, also by what no store can filter: there so many runs are looked at, and the next page goes on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Final, final

from cnstra.inspection.problems import NotShown
from cnstra.inspection.reading import MAX_HISTORY, Reader
from cnstra.inspection.sealing import Seal
from cnstra.inspection.searching import Matches, MatchesSignal
from cnstra.persist.records import RunFilter, RunRecord

__all__ = ["FoundRuns", "RunFinder"]

_LOOKED_AT: Final = 1_000
_HISTORIES: Final = 100
_HOPS: Final = 20_000


@final
@dataclass(frozen=True, slots=True)
class FoundRuns:
    """A page of runs.

    Attributes:
        runs: The runs, the newest first; there may be fewer than wanted although there are more.
        cursor: Gets the next page; ``None`` after the last one.
        looked_at: How many runs were looked at to find them.
    """

    runs: list[RunRecord]
    cursor: str | None
    looked_at: int


@final
@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: at a page of the store's, after one of the runs there."""

    cursor: str | None = None
    after: str | None = None
    created_at: float = 0.0


@final
class RunFinder:
    """Finds runs.

    Args:
        reader: Has them.
        seal: For cursors.
    """

    def __init__(self, reader: Reader, seal: Seal) -> None:
        self._reader = reader
        self._seal = seal

    async def page(
        self,
        where: RunFilter,
        *,
        prefix: str | None,
        neuron: str | None,
        matches: Matches | None = None,
        matches_signal: MatchesSignal | None = None,
        limit: int,
        cursor: str | None,
    ) -> FoundRuns:
        """Return the runs that *where* selects.

        Args:
            where: What the store filters by.
            prefix: Only runs whose id begins so.
            neuron: Only runs that activated a neuron of this name, or are about to.
            matches: Only runs that it says so of.
            matches_signal: Or that have a signal in their history, or in their frontier, that this says so of.
            limit: How many at most.
            cursor: That of the page before.

        Raises:
            NotShown: If *cursor* is none.
        """
        if prefix is not None:
            where = replace(where, id_prefix=prefix)
        search = _Search(self._reader, neuron, matches, matches_signal)
        place = _Place() if cursor is None else self._opened(cursor)
        runs, next_place = await search.run(where, limit, place)
        return FoundRuns(runs, None if next_place is None else self._closed(next_place), search.looked_at)

    def _opened(self, cursor: str) -> _Place:
        data = self._seal.open(cursor)
        if data is None:
            raise NotShown("no_page", "no page has this cursor here: begin at the first one")
        return _Place(*data)

    def _closed(self, place: _Place) -> str:
        return self._seal.close([place.cursor, place.after, place.created_at])


@final
class _Search:
    """One walk through the store's pages."""

    def __init__(
        self, reader: Reader, neuron: str | None, matches: Matches | None, matches_signal: MatchesSignal | None
    ) -> None:
        self._reader = reader
        self._neuron = neuron
        self._matches = matches
        self._matches_signal = matches_signal
        self._hops = 0
        self._histories = 0
        self.looked_at = 0

    async def run(self, where: RunFilter, limit: int, place: _Place) -> tuple[list[RunRecord], _Place | None]:
        found: list[RunRecord] = []
        is_filtered = any(one is not None for one in (self._neuron, self._matches, self._matches_signal))
        size = max(limit, _HISTORIES) if is_filtered else limit
        cursor = place.cursor
        is_passing = place.after is not None
        while True:
            page = await self._reader.list(where, limit=size, cursor=cursor)
            for run in page.runs:
                if is_passing and run.created_at >= place.created_at:
                    is_passing = run.stimulation_id != place.after
                    continue
                is_passing = False
                if await self._is_wanted(run):
                    found.append(run)
                if len(found) == limit or self._has_had_enough:
                    return found, _next_place(page.runs[-1], page.cursor, cursor, run)
            if page.cursor is None:
                return found, None
            cursor = page.cursor

    @property
    def _has_had_enough(self) -> bool:
        return self.looked_at >= _LOOKED_AT or self._histories >= _HISTORIES or self._hops >= _HOPS

    async def _is_wanted(self, run: RunRecord) -> bool:
        self.looked_at += 1
        if not await self._is_matched(run):
            return False
        return self._neuron is None or await self._has_neuron(run, self._neuron)

    async def _is_matched(self, run: RunRecord) -> bool:
        if self._matches is not None and self._matches(run):
            return True
        if self._matches_signal is not None:
            return await self._has_signal(run, self._matches_signal)
        return self._matches is None

    async def _has_signal(self, run: RunRecord, matches: MatchesSignal) -> bool:
        self._histories += 1
        signals = [found.input for found in await self._reader.frontier(run) if found.input is not None]
        if run.volume == "full" and run.hop_count <= MAX_HISTORY:
            self._hops += run.hop_count
            for stored in await self._reader.history(run):
                signals += stored.outputs
        return await asyncio.to_thread(lambda: any(map(matches, signals)))

    async def _has_neuron(self, run: RunRecord, neuron: str) -> bool:
        self._histories += 1
        left = await self._reader.frontier(run)
        if any(found.task.neuron_name == neuron for found in left):
            return True
        if run.volume != "full" or run.hop_count > MAX_HISTORY:
            return False
        self._hops += run.hop_count
        return any(stored.settled.task.neuron_name == neuron for stored in await self._reader.history(run))


def _next_place(last: RunRecord, following: str | None, cursor: str | None, run: RunRecord) -> _Place | None:
    if run is last:
        return None if following is None else _Place(following)
    return _Place(cursor, run.stimulation_id, run.created_at)
