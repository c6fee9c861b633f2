from collections.abc import Iterable

from cnstra.durable.colleagues import Colleagues
from cnstra.durable.identity import Living
from cnstra.persist.records import WorkerRecord
from cnstra.stores import MemoryStore


class Machine:
    """A host on which some workers are dead."""

    def __init__(self, *dead: str) -> None:
        self.gone = set(dead)

    def new_worker_id(self) -> str:
        return "new"

    def record(self, worker_id: str) -> WorkerRecord:
        return WorkerRecord(worker_id, "here", 1)

    def enter(self, worker_id: str, worker: Living) -> bool:
        return True

    def leave(self, worker_id: str, worker: Living) -> None:
        pass

    def dead(self, workers: Iterable[WorkerRecord]) -> set[str]:
        return self.gone & {worker.worker_id for worker in workers}


async def among(
    *others: str, dead: tuple[str, ...] = (), patience: float = 60.0
) -> tuple[Colleagues, MemoryStore, list[int]]:
    """Return what worker ``me`` knows of *others*, the store, and how many rows it has seen each time."""
    store = MemoryStore()
    for worker_id in ("me", *others):
        await store.add_worker(WorkerRecord(worker_id, "here", 1), 60.0)
    seen: list[int] = []
    colleagues = Colleagues(store, "me", Machine(*dead), patience=patience, seen=lambda rows: seen.append(len(rows)))
    return colleagues, store, seen


async def test_the_dead_are_known_and_the_living_are_counted() -> None:
    colleagues, store, _ = await among("a", "b", "c", dead=("a", "me"))
    await store.add_worker(WorkerRecord("expired", "elsewhere", 1), -1.0)

    assert await colleagues.look() == {"a"}
    assert colleagues.living == 3


async def test_who_lives_is_not_asked_again_at_once() -> None:
    colleagues, store, seen = await among("a")

    await colleagues.look()
    await store.remove_worker("a")
    await colleagues.look()
    before = colleagues.living
    await colleagues.look(afresh=True)

    assert (before, colleagues.living) == (2, 1)
    assert seen == [2, 1]


async def test_a_worker_that_asks_for_its_own_runs_counts_itself_among_the_dead() -> None:
    colleagues, _, _ = await among("a", dead=("a",))

    assert await colleagues.dead_and_this() == {"a", "me"}
    assert colleagues.dead == {"a"}


async def test_even_without_its_own_row_a_worker_lives() -> None:
    colleagues, store, _ = await among()
    await store.remove_worker("me")

    await colleagues.look()

    assert colleagues.living == 1
