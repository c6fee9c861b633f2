import asyncio
import threading
from collections.abc import Callable

import pytest

from cnstra.durable.heartbeat import Heartbeat
from cnstra.errors import StoreError
from cnstra.stores import MemoryStore
from tests.durability.wrapping import StoreWrapper


class Heart(StoreWrapper):
    """Answers beats with what a test says, the last answer for ever."""

    def __init__(self, *answers: bool | StoreError) -> None:
        super().__init__(MemoryStore())
        self.answers = list(answers)
        self.beats = 0
        self.enough = threading.Event()

    def beat(self, worker_id: str, lease: float) -> bool:
        self.beats += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if len(self.answers) == 1 and self.beats >= 4:
            self.enough.set()
        if isinstance(answer, StoreError):
            raise answer
        return answer


@pytest.fixture
def start() -> Callable[..., tuple[Heartbeat, list[StoreError], threading.Event]]:
    def make(
        heart: Heart, *, wanted: Callable[[], bool] = lambda: True, lease: float = 0.2
    ) -> tuple[Heartbeat, list[StoreError], threading.Event]:
        lost: list[StoreError] = []
        told = threading.Event()

        def lose(error: StoreError) -> None:
            lost.append(error)
            told.set()

        heartbeat = Heartbeat(heart, "w", lease=lease, interval=lease / 20, wanted=wanted, lost=lose)
        heartbeat.start()
        return heartbeat, lost, told

    return make


Start = Callable[..., tuple[Heartbeat, list[StoreError], threading.Event]]


async def test_it_beats_until_it_is_stopped(start: Start) -> None:
    heart = Heart(True)  # noqa: FBT003 - what a beat answers
    heartbeat, lost, _ = start(heart)
    assert await asyncio.to_thread(heart.enough.wait, 10)
    heartbeat.stop()
    await heartbeat.wait_stopped()
    beats = heart.beats
    heartbeat.stop()
    await heartbeat.wait_stopped()

    assert (lost, heart.beats) == ([], beats)


async def test_it_survives_beats_that_fail_within_the_lease(start: Start) -> None:
    heart = Heart(StoreError("busy"), StoreError("busy"), True)  # noqa: FBT003
    heartbeat, lost, _ = start(heart, lease=5.0)
    assert await asyncio.to_thread(heart.enough.wait, 10)
    heartbeat.stop()
    await heartbeat.wait_stopped()

    assert lost == []


async def test_it_tells_before_the_lease_ends_that_it_cannot_be_renewed(start: Start) -> None:
    heartbeat, lost, told = start(Heart(StoreError("no connection")))
    assert await asyncio.to_thread(told.wait, 10)
    heartbeat.stop()
    await heartbeat.wait_stopped()

    assert [str(error) for error in lost] == ["no connection"]


async def test_it_tells_at_once_that_its_row_is_gone(start: Start) -> None:
    heart = Heart(False)  # noqa: FBT003 - what a beat answers
    heartbeat, lost, told = start(heart, lease=5.0)
    assert await asyncio.to_thread(told.wait, 10)
    heartbeat.stop()
    await heartbeat.wait_stopped()

    assert heart.beats == 1
    assert "not known" in str(lost[0])


async def test_it_stops_when_nobody_wants_it_any_more(start: Start) -> None:
    wanted = threading.Event()
    wanted.set()
    heartbeat, lost, _ = start(Heart(True), wanted=wanted.is_set)  # noqa: FBT003
    wanted.clear()
    heartbeat._thread.join(10)

    assert not heartbeat._thread.is_alive()
    assert lost == []


async def test_a_beat_that_hangs_in_the_driver_does_not_hold_up_the_loss() -> None:
    answered = threading.Event()

    class Hanging(StoreWrapper):
        def beat(self, worker_id: str, lease: float) -> bool:
            return answered.wait(60)

    lost: asyncio.Future[StoreError] = asyncio.get_running_loop().create_future()
    store = Hanging(MemoryStore())
    heartbeat = Heartbeat(store, "w", lease=0.2, interval=0.01, wanted=lambda: True, lost=lost.set_result)
    heartbeat.start()
    error = await lost
    still_hanging = heartbeat._thread.is_alive()
    answered.set()
    await heartbeat.wait_stopped()

    assert still_hanging
    assert "has not answered a heartbeat in time" in str(error)
