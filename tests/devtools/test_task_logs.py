"""What handlers have logged, as the API shows it; and texts that runs are found by."""

from __future__ import annotations

from dataclasses import replace

from cnstra.devtools import serve
from cnstra.persist.delta import Ended
from cnstra.persist.records import LogLine, SignalRow, TaskRow
from cnstra.stores import MemoryStore
from cnstra.testing.building import admitted, empty_delta, new_run, settled
from tests.devtools.visiting import TOKEN, visiting

LINES = (
    LogLine(12.5, "INFO", "shop", "packed"),
    LogLine(13.0, "ERROR", "shop.post", "login with password=hunter2 failed"),
)


async def _store_one(store: MemoryStore, name: str, payload: bytes, *lines: LogLine) -> None:
    """Store a run of one neuron that has logged, and that has emitted a payload."""
    task = TaskRow(0, "pack", "ordered", 0, 0)
    state = await admitted(store, replace(new_run(name), entry=[SignalRow(0, "ordered", 1, b"{}")], tasks=[task]))
    delta = empty_delta(state, ended=Ended("completed", "completed"))
    delta.removed.append(0)
    delta.history.append(settled(task)._replace(logs=lines))
    delta.signals[1] = SignalRow(1, "packed", 1, payload, 0)
    delta.hop_count = 1
    assert await store.commit([delta]) == [True]


async def test_a_task_is_shown_with_what_it_has_logged() -> None:
    store = MemoryStore()
    await _store_one(store, "a", b"{}", *LINES)
    with serve(store, token=TOKEN, quiet=True) as url:
        async with visiting(url) as visitor:
            [listed] = (await visitor.get("/runs/a/tasks"))["tasks"]
            shown = await visitor.get("/runs/a/tasks/1/0")

    assert listed["logs"] == 2
    assert shown["logs"] == [
        {"at": 12.5, "level": "INFO", "logger_name": "shop", "message": "packed"},
        {
            "at": 13.0,
            "level": "ERROR",
            "logger_name": "shop.post",
            "message": "login with password=[redacted] failed",
        },
    ]


async def test_runs_are_found_by_a_text_in_their_payloads() -> None:
    store = MemoryStore()
    for name, payload in (("a", b'{"to":"Ada"}'), ("b", b'{"to":"Bob"}'), ("c", b'{"password":"Ada"}')):
        await _store_one(store, name, payload)
    with serve(store, token=TOKEN, quiet=True) as url:
        async with visiting(url) as visitor:
            found = await visitor.get("/runs", text="ada")
            nothing = await visitor.get("/runs", text="eve")

    assert [run["ref"] for run in found["runs"]] == ["a"]
    assert (nothing["runs"], nothing["cursor"]) == ([], None)
