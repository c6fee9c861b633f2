from __future__ import annotations

from pathlib import Path

from cnstra.persist.delta import Delta
from cnstra.persist.records import RunState
from cnstra.stores import SqliteStore
from cnstra.testing.building import FINAL, admitted, after, hop, new_run, run_to_its_end


def sizes(folder: Path) -> dict[str, int]:
    return {entry.name: entry.stat().st_size for entry in folder.iterdir()}


def chain(state: RunState, hops: int) -> tuple[list[Delta], RunState]:
    deltas = []
    for _ in range(hops):
        delta = hop(state)
        delta.signals = {n: row._replace(payload=b"x" * 100) for n, row in delta.signals.items()}
        deltas.append(delta)
        state = after(state, delta)
    return deltas, state


async def test_a_long_loop_in_volume_progress_leaves_a_small_file(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    state = await admitted(sqlite_store, new_run(volume="progress"))

    for _ in range(200):
        deltas, state = chain(state, 500)
        assert all(await sqlite_store.commit(deltas))

    assert state.sequence == 100_000
    await sqlite_store.close()
    assert sum(sizes(tmp_path).values()) < 270_000


async def test_a_hop_in_volume_full_takes_few_bytes(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    state = await admitted(sqlite_store)

    deltas, state = chain(state, 2_000)
    await sqlite_store.commit(deltas)

    await sqlite_store.close()
    assert sizes(tmp_path)["runs.db"] / 2_000 < 400


async def test_a_purge_gives_space_back(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    for n in range(10):
        deltas, _ = chain(await admitted(sqlite_store, new_run(f"run-{n}")), 500)
        await sqlite_store.commit(deltas)
        await sqlite_store.settle("", f"run-{n}", "aborted", dead=["worker"])

    assert await sqlite_store.purge("", statuses=FINAL, older_than=-1) == 10

    await sqlite_store.close()
    assert sizes(tmp_path)["runs.db"] < 180_000


async def test_the_log_is_folded_into_the_file_on_close(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    await run_to_its_end(sqlite_store, "run")
    assert "runs.db-wal" in sizes(tmp_path)

    await sqlite_store.close()

    assert list(sizes(tmp_path)) == ["runs.db"]
