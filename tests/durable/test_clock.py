from hypothesis import given
from hypothesis import strategies as st

from cnstra.durable.clock import StoreClock

instants = st.floats(0, 1e6)


def test_a_heartbeat_tells_the_time_of_the_store() -> None:
    clock = StoreClock(15.0)

    clock.learn(1_000_000.0, 50.0)

    assert clock.at(52.5) == 1_000_002.5


@given(now=instants, age=st.floats(0, 14.9), later=st.floats(0, 100))
def test_an_older_heartbeat_changes_nothing(now: float, age: float, later: float) -> None:
    clock = StoreClock(15.0)
    clock.learn(now + 500.0, now)

    clock.learn(now + 500.0 + later - age, now + later)

    assert abs(clock.at(now + later) - (now + 500.0 + later)) < 1e-6


def test_a_worker_that_was_asleep_learns_what_time_it_is() -> None:
    clock = StoreClock(15.0)
    clock.learn(1_000_000.0, 50.0)

    clock.learn(1_003_600.0, 51.0)

    assert clock.at(51.0) == 1_003_600.0


def test_a_store_whose_clock_was_set_back_is_believed() -> None:
    clock = StoreClock(15.0)
    clock.learn(1_000_000.0, 50.0)

    clock.learn(900_000.0, 55.0)

    assert clock.at(55.0) == 900_000.0
