import random
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cnstra.persist.ports import Store
from cnstra.stores import MemoryStore, SqliteStore
from tests.durability.crashing import CrashingStore, When, live
from tests.durability.driving import Log, executions, outcome_of, require_one_meaning, work
from tests.durability.shapes import FAN_IN, RETRYING, SHAPES, SHARED, Shape, random_shape, reference

Reopen = Callable[[], Store]
Life = Callable[[Store], Coroutine[Any, Any, None]]


@pytest.fixture(params=["memory", "sqlite"])
def backend(request: pytest.FixtureRequest) -> Callable[[Path], Reopen]:
    """Return what makes a new, empty store in a folder, and opens it again and again."""

    def make(folder: Path) -> Reopen:
        if request.param == "memory":
            memory = MemoryStore()
            return lambda: memory
        return lambda: SqliteStore(folder / "runs.db", synchronous="OFF")

    return make


class World:
    """Some runs in an empty store, and the log of their handlers; both outlive every process."""

    def __init__(self, folder: Path, reopen: Reopen, shapes: Sequence[Shape], **options: Any) -> None:
        self._log = folder / "log"
        self._reopen = reopen
        self._runs = [(shape.name, shape) for shape in shapes]
        self._shapes = shapes
        self._options = options

    def live(self, at: int = 0, when: When = "before") -> CrashingStore:
        """Let a process live until it is done, or until it dies; see that nothing that was committed ran again."""
        store = CrashingStore(self._reopen(), at, when)
        before = len(executions(self._log))
        committed = self.committed()
        log = Log(self._log)
        live(store, partial(work, shapes=self._shapes, runs=self._runs, log=log, **self._options))
        log.close()
        again = {one.activation_id for one in executions(self._log)[before:]} & committed
        assert not again, f"committed and run again: {sorted(again)}"
        return store

    def committed(self) -> set[str]:
        """Return the ids of all activations that the store has as done."""
        found: set[str] = set()

        async def look(store: Store) -> None:
            await store.open()
            for run_id, _ in self._runs:
                found.update(
                    f"{run_id}:{task.settled.ordinal}"
                    for task in await store.tasks("", run_id)
                    if task.settled.status == "done"
                )
            await store.close()

        live(CrashingStore(self._reopen()), look)
        return found

    def check(self) -> None:
        """See that every run came to what it comes to undisturbed, and that no activation changed its id."""

        async def look(store: Store) -> None:
            await store.open()
            for run_id, shape in self._runs:
                expected = reference(shape)
                if self._options.get("volume") == "progress":
                    expected.done.clear()
                    expected.emitted.clear()
                assert await outcome_of(store, run_id) == expected
            await store.close()

        live(CrashingStore(self._reopen()), look)
        require_one_meaning(executions(self._log))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_crash_at_any_store_operation_changes_nothing(
    shape: Shape, when: When, backend: Callable[[Path], Reopen], tmp_path: Path
) -> None:
    for at in count(1):
        folder = tmp_path / str(at)
        folder.mkdir()
        world = World(folder, backend(folder), [shape])
        crashed = world.live(at, when).crashed.is_set()
        world.live()
        world.check()
        if not crashed:
            break

    assert at > 4  # how many commits share an operation, the disk decides


@pytest.mark.parametrize("seed", range(6))
def test_one_crash_after_the_other_changes_nothing(
    seed: int, backend: Callable[[Path], Reopen], tmp_path: Path
) -> None:
    dice = random.Random(seed)
    shapes = [*SHAPES, random_shape(2 * seed), random_shape(2 * seed + 1)]
    world = World(tmp_path, backend(tmp_path), shapes)
    lives = 0
    while world.live(dice.randint(8, 16 + 2 * lives), dice.choice(("before", "after"))).crashed.is_set():
        lives += 1  # and the next one lives a little longer, so that they get somewhere
    world.check()

    assert lives > 1


@pytest.mark.parametrize(
    "options",
    [{"volume": "progress"}, {"durability": "interval", "max_staleness": 0.004}, {"durability": "exit"}],
    ids=["progress", "interval", "exit"],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_changes_nothing_whatever_is_kept_and_whenever_it_is_written(
    when: When, options: dict[str, Any], backend: Callable[[Path], Reopen], tmp_path: Path
) -> None:
    for at in count(1, step=2):
        folder = tmp_path / str(at)
        folder.mkdir()
        world = World(folder, backend(folder), [RETRYING, FAN_IN, SHARED], **options)
        crashed = world.live(at, when).crashed.is_set()
        world.live()
        world.check()
        if not crashed:
            break

    assert at > 4
