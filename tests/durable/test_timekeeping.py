import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from cnstra.durable.timekeeping import Missed, Schedule, Timekeeper
from cnstra.durable.timetables import Every
from cnstra.errors import StoreError
from cnstra.persist.ports import Store
from cnstra.stores import MemoryStore
from tests.durable.graphs import Item, line, pass_on

NOON = 1_800_000_000.0
HOUR = 3600.0


class Day:
    """A clock that stands where a test puts it, one schedule that is due each hour, and what it has fired."""

    def __init__(self, store: Store, missed: Missed = "last", signal: Any = None) -> None:
        self.now = NOON + 1.0
        self.fired: list[float] = []
        self.problem: Exception | None = None
        self.schedule = Schedule("hourly", Every(HOUR), signal or line(pass_on).signal(1), missed, {})
        self._store = store

    def keeper(self) -> Timekeeper:
        return Timekeeper(self._store, "", [self.schedule], now=lambda: self.now, fire=self._fire)

    async def _fire(self, schedule: Schedule, instant: float) -> None:
        if self.problem is not None:
            raise self.problem
        self.fired.append((instant - NOON) / HOUR)


async def test_what_was_before_it_was_declared_is_nothing_to_a_schedule() -> None:
    day = Day(MemoryStore())

    pause = await day.keeper().tend()

    assert (day.fired, pause) == ([], 30.0)


async def test_it_fires_when_its_instant_has_come_and_once() -> None:
    day = Day(MemoryStore())
    keeper = day.keeper()
    await keeper.tend()

    for day.now in (NOON + HOUR - 0.5, NOON + HOUR, NOON + HOUR + 0.1, NOON + HOUR + 99.0):
        await keeper.tend()

    assert day.fired == [1.0]


async def test_the_pause_ends_at_the_next_instant() -> None:
    day = Day(MemoryStore())
    keeper = day.keeper()
    await keeper.tend()

    day.now = NOON + HOUR - 0.25

    assert await keeper.tend() == 0.25


async def test_another_worker_finds_that_an_instant_is_over() -> None:
    store = MemoryStore()
    day = Day(store)
    await day.keeper().tend()
    day.now = NOON + HOUR
    await day.keeper().tend()

    await day.keeper().tend()

    assert day.fired == [1.0]


@pytest.mark.parametrize(("missed", "fired"), [("last", [5.0]), ("all", [1.0, 2.0, 3.0, 4.0, 5.0]), ("skip", [])])
async def test_what_nobody_has_seen_is_made_up_for_as_the_schedule_says(missed: Missed, fired: list[float]) -> None:
    store = MemoryStore()
    await store.advance("", "hourly", NOON)
    day = Day(store, missed)
    day.now = NOON + 5.5 * HOUR

    keeper = day.keeper()
    await keeper.tend()
    assert day.fired == fired
    day.now = NOON + 6 * HOUR
    await keeper.tend()

    assert day.fired == [*fired, 6.0]


@pytest.mark.parametrize(("late", "fired"), [(59.0, [1.0]), (61.0, [])])
async def test_an_instant_that_lies_back_less_than_a_minute_is_not_missed(late: float, fired: list[float]) -> None:
    store = MemoryStore()
    await store.advance("", "hourly", NOON)
    day = Day(store, "skip")
    day.now = NOON + HOUR + late

    await day.keeper().tend()

    assert day.fired == fired


async def test_of_very_many_missed_instants_the_latest_thousand_fire() -> None:
    store = MemoryStore()
    await store.advance("", "hourly", NOON)
    day = Day(store, "all")
    day.now = NOON + 5000 * HOUR

    await day.keeper().tend()

    assert (len(day.fired), day.fired[0], day.fired[-1]) == (1000, 4001.0, 5000.0)


async def test_an_instant_that_could_not_be_stored_fires_later() -> None:
    store = MemoryStore()
    await store.advance("", "hourly", NOON)
    day = Day(store)
    keeper = day.keeper()
    day.now, day.problem = NOON + HOUR, StoreError("away")
    with pytest.raises(StoreError):
        await keeper.tend()

    day.now, day.problem = NOON + HOUR + 120.0, None
    await keeper.tend()

    assert day.fired == [1.0]


async def test_a_signal_that_cannot_be_made_is_told_of_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    await store.advance("", "hourly", NOON)
    day = Day(store)
    keeper = day.keeper()
    day.now, day.problem = NOON + HOUR, ValueError("no such month")
    await keeper.tend()
    day.now, day.problem = NOON + 2 * HOUR, None
    await keeper.tend()

    assert day.fired == [2.0]
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == f"schedule 'hourly' could not fire at {'2027-01-15T09:00:00Z'}"


def test_a_signal_may_be_made_of_the_instant() -> None:
    graph = line(pass_on)
    day = Day(MemoryStore(), signal=lambda at: graph.entry.create_signal(Item(at.hour)))

    entry: Any = day.schedule.entry_at(datetime(2026, 3, 29, 7, tzinfo=UTC).timestamp())

    assert entry.payload == Item(7)
    assert day.schedule.id_at(0.0) == "hourly@1970-01-01T00:00:00Z"
