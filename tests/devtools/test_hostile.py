"""Runs whose ids, names, payloads, errors and contexts somebody has made up to do harm."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from cnstra.devtools import serve
from cnstra.inspection.refs import ref_of
from cnstra.persist.delta import Ended
from cnstra.persist.records import ErrorRecord, SignalRow, TaskRow
from cnstra.stores import MemoryStore
from cnstra.testing.building import admitted, empty_delta, new_run, settled
from tests.devtools.visiting import TOKEN, Visitor, until, visiting

SCRIPT = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
NAMES = [
    SCRIPT, "..", ".", "/", "../../etc/passwd", "a/b?c=d#e", "%2e%2e", "~", "~~", " ", "\t\r\n", "\0", "é\u202e",
    "\ud800", "'; DROP TABLE cnstra_runs; --", "{{7*7}}", "a" * 5_000,
    "id: 1\nevent: hello\ndata: {}\n\n", "javascript:x()",
]  # fmt: skip


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def visitor(store: MemoryStore) -> AsyncIterator[Visitor]:
    with serve(store, token=TOKEN, quiet=True) as url:
        async with visiting(url) as visitor:
            yield visitor


async def _fail(store: MemoryStore, name: str, text: str, payload: bytes) -> None:
    """Store a run that has failed, with *text* wherever the application has a say."""
    task = TaskRow(0, text, text, 0, 0)
    signal = SignalRow(0, text, 1, payload)
    run = replace(new_run(name), entry=[signal], tasks=[task], options=payload)
    state = await admitted(store, run)
    error = ErrorRecord(text, text, text)
    delta = empty_delta(state, ended=Ended("failed", "failed", error))
    delta.failures[0] = error
    delta.history.append(settled(task, error=error)._replace(contexts={text: payload}))
    delta.hop_count = 1
    assert await store.commit([delta]) == [True]


async def _ask_everything(visitor: Visitor, ref: str) -> list[object]:
    paths = ["", "/attempts", "/tasks", "/tasks/1/0", "/frontier", "/frontier/0", "/lineage", "/export"]
    answers = [await visitor.get(f"/runs/{ref}{path}") for path in paths]
    more = ["/runs", "/graph", "/graph/mermaid", "/graph/dot", "/statistics", "/activity", "/health", "/workers"]
    return [*answers, *[await visitor.get(path) for path in more]]


@pytest.mark.parametrize("name", NAMES)
async def test_a_hostile_text_is_data_wherever_it_is(store: MemoryStore, visitor: Visitor, name: str) -> None:
    await _fail(store, name, name, json.dumps({"metadata": {name: name}, name: [name]}).encode())

    [run] = (await visitor.get("/runs"))["runs"]
    assert run["ref"] == ref_of(name)
    assert len(await _ask_everything(visitor, run["ref"])) == 16
    [neuron] = (await visitor.get("/graph"))["neurons"]
    assert await visitor.get(f"/neurons/{neuron['ref']}/statistics")


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b"[" * 100_000, b'{"a":' * 1_000 + b"1" + b"}" * 1_000, b"NaN", b"[]"]
)
async def test_what_is_no_json_hides_nothing_else(store: MemoryStore, visitor: Visitor, payload: bytes) -> None:
    await _fail(store, "a", "text", payload)

    assert len(await _ask_everything(visitor, "a")) == 16


async def test_a_hostile_name_does_not_break_out_of_an_event(store: MemoryStore, visitor: Visitor) -> None:
    async with visitor.news() as news:
        await until(news, "hello")
        for name in NAMES:
            await _fail(store, name, name, b"{}")
        told = {(await until(news, "run")).data["ref"] for _ in NAMES}

    assert told == set(map(ref_of, NAMES))


@pytest.mark.parametrize("ref", ["~", "~!", "~a", "~_w", "~" + "A" * 10_000, "%00", "a%2Fb", "x" * 10_000])
async def test_a_reference_that_nobody_gave_out_is_not_found(visitor: Visitor, ref: str) -> None:
    answer = await visitor.client.get(f"/api/v1/runs/{ref}")

    assert answer.status_code == 404


async def test_answers_are_never_taken_for_pages(store: MemoryStore, visitor: Visitor) -> None:
    await _fail(store, "a", SCRIPT, json.dumps(SCRIPT).encode())

    for path in ("/api/v1/runs", "/api/v1/runs/a/export", "/api/v1/graph/mermaid", f"/api/v1/runs/{SCRIPT}"):
        answer = await visitor.client.get(path)
        assert answer.headers["content-type"].partition(";")[0] != "text/html"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
