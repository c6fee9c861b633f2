"""Commands over the API: what is taken, what becomes of it, and what is refused."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from cnstra.devtools import devtools, serve
from cnstra.durable.commands import KINDS
from cnstra.persist.records import RunStatus
from cnstra.stores import MemoryStore
from tests.devtools.describing import PREFIX
from tests.devtools.shop import SECRET, Shop, sell
from tests.devtools.visiting import TOKEN, Visitor, until, visiting


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def visitor(shop: Shop, store: MemoryStore) -> AsyncIterator[Visitor]:
    """A visitor of a runner that works, in whose runs ``a`` has failed and ``b`` is done."""
    async with shop.runner(store) as runner:
        await sell(runner, shop, "a", note="fail")
        await sell(runner, shop, "b")
        with serve(runner, token=TOKEN, quiet=True) as url:
            async with visiting(url) as visitor:
                yield visitor


async def _until_status(visitor: Visitor, ref: str, *statuses: RunStatus) -> Any:
    while True:
        run = await visitor.get(f"/runs/{ref}")
        if run["status"] in statuses:
            return run


# ---- what is done ------------------------------------------------------------------------------------------------


async def test_a_command_is_carried_out_and_kept(visitor: Visitor) -> None:
    run = await visitor.get("/runs/a")

    ordered = await visitor.order("retry", "a", seen=run["version"], key="click")
    ended = await visitor.ended(ordered)

    assert (ordered["status"], ordered["actor"], ordered["ref"]) == ("waiting", "devtools", "a")
    assert (ended["status"], ended["takes"], ended["made"]) == ("done", 1, None)
    assert (await visitor.get("/runs/a"))["version"] != run["version"]
    assert [one["key"] for one in (await visitor.get("/commands"))["commands"]] == ["click"]


async def test_a_double_click_is_one_command(visitor: Visitor) -> None:
    first = await visitor.order("clone", "b", key="click")
    second = await visitor.order("clone", "b", key="click")
    await visitor.ended(first)

    assert first["number"] == second["number"]
    assert len((await visitor.get("/runs"))["runs"]) == 3


async def test_who_decides_upon_what_has_changed_is_told_so(visitor: Visitor) -> None:
    await visitor.ended(await visitor.order("retry", "a", seen="1-failed"))
    await _until_status(visitor, "a", "failed")

    late = await visitor.ended(await visitor.order("delete", "a", seen="1-failed"))

    assert late["status"] == "refused"
    assert "it is in attempt 2 now, and was failed in attempt 1" in late["outcome"]


async def test_what_is_made_is_linked(visitor: Visitor) -> None:
    arguments = {"collateral": "ordered", "payload": {"number": 7}, "metadata": {"password": SECRET}}

    ended = await visitor.ended(await visitor.order("stimulate", arguments=arguments))

    run = await _until_status(visitor, ended["made"]["ref"], "completed")
    assert run["entry"] == ["ordered"]
    assert ended["arguments"] == {
        "collateral": "ordered", "payload": {"bytes": 12}, "metadata": {"password": {"$redacted": "key"}},
    }  # fmt: skip
    assert SECRET not in json.dumps(ended)


async def test_many_are_ordered_at_once(visitor: Visitor) -> None:
    clones = [
        {"key": f"clone {number}", "kind": "clone", "stimulation_id": "b", "arguments": {"new_id": f"c{number}"}}
        for number in range(30)
    ]

    status, data = await visitor.send("/commands", {"commands": clones})
    made = [(await visitor.ended(one))["made"]["ref"] for one in data["commands"]]

    assert status == httpx.codes.ACCEPTED
    assert made == [f"c{number}" for number in range(30)]


async def test_commands_are_listed_by_run_and_by_pages(visitor: Visitor) -> None:
    for number in range(3):
        await visitor.ended(await visitor.order("clone", "b", key=f"k{number}", arguments={"new_id": f"c{number}"}))
    await visitor.ended(await visitor.order("delete", "a", key="k3"))

    first = await visitor.get("/commands", limit=3)
    second = await visitor.get("/commands", limit=3, cursor=first["cursor"])
    about = await visitor.get("/commands", run="c1")

    assert [one["key"] for one in first["commands"]] == ["k3", "k2", "k1"]
    assert ([one["key"] for one in second["commands"]], second["cursor"]) == (["k0"], None)
    assert [one["key"] for one in about["commands"]] == ["k1"]
    assert await visitor.problem("/commands", cursor="made-up") == "no_page"
    assert await visitor.problem("/commands/nobody") == "no_command"


# ---- news --------------------------------------------------------------------------------------------------------


async def test_who_watches_hears_of_commands(visitor: Visitor) -> None:
    async with visitor.news() as news:
        await until(news, "hello")
        await visitor.order("retry", "nobody", key="click")

        told = await until(news, "command", key="click", status="refused")

    assert told.data["outcome"] == "no run 'nobody' is stored in this scope"


async def test_who_follows_a_run_hears_of_commands_about_it_alone(visitor: Visitor) -> None:
    async with visitor.news(run="a") as news:
        await until(news, "hello")
        await visitor.ended(await visitor.order("clone", "b", key="of another"))
        await visitor.ended(await visitor.order("clone", "a", key="of this"))

        seen = []
        async for one in news:
            seen += [one.data["key"]] if one.kind == "command" else []
            if one.kind == "command" and one.data["status"] == "done":
                break

    assert set(seen) == {"of this"}


# ---- without a runner --------------------------------------------------------------------------------------------


async def test_a_server_alone_carries_out_what_it_can(shop: Shop, store: MemoryStore) -> None:
    async with shop.runner(store) as runner:
        await sell(runner, shop, "a", note="fail")
        await sell(runner, shop, "b")
    with serve(store, token=TOKEN, quiet=True) as url:
        async with visiting(url) as visitor:
            clone = await visitor.order("clone", "b")
            retry = await visitor.ended(await visitor.order("retry", "a"))
            delete = await visitor.ended(await visitor.order("delete", "b"))

            assert await visitor.get(f"/commands/{clone['key']}") == clone
            run = await visitor.get("/runs/a")
    assert (retry["status"], delete["status"], run["status"]) == ("done", "done", "pending")


async def test_a_server_with_an_address_and_the_graph_carries_out_everything(shop: Shop, sqlite_url: str) -> None:
    async with shop.runner(sqlite_url) as runner:
        await sell(runner, shop, "b")
    with serve(sqlite_url, cns=shop.cns, registry=shop.registry, token=TOKEN, quiet=True) as url:
        async with visiting(url) as visitor:
            clone = await visitor.ended(await visitor.order("clone", "b"))
            run = await visitor.get(f"/runs/{clone['made']['ref']}")

    assert (run["status"], run["clone_of"]["ref"]) == ("pending", "b")


async def test_a_server_that_is_stopped_from_the_event_loop_of_its_store_goes_without_a_trace(
    store: MemoryStore,
) -> None:
    before = set(threading.enumerate())
    with serve(store, token=TOKEN, quiet=True) as url:
        async with visiting(url) as visitor:
            await visitor.ended(await visitor.order("retry", "a"))
        assert len(await store.workers()) == 1
    left = [thread.name for thread in set(threading.enumerate()) - before if "devtools" in thread.name]
    async with asyncio.timeout(60):
        while await store.workers():  # noqa: ASYNC110 - a store has no event to set
            await asyncio.sleep(0.01)

    assert left == []


async def test_what_was_ordered_when_nobody_was_there_is_carried_out_by_the_next_server(
    shop: Shop, sqlite_url: str
) -> None:
    async with shop.runner(sqlite_url, obeys=False) as runner:
        await sell(runner, shop, "a", note="fail")
        command = await runner.order("retry", "a", key="click")
    assert command.status == "waiting"
    with serve(sqlite_url, token=TOKEN, quiet=True) as url:
        async with visiting(url) as visitor:
            ended = await visitor.ended({"key": "click", "ended_at": None})

    assert (ended["status"], ended["takes"]) == ("done", 1)


# ---- who ---------------------------------------------------------------------------------------------------------


async def test_the_application_may_say_who_asks(store: MemoryStore) -> None:
    def actor(request: Request) -> str:
        return request.headers.get("x-user", "")

    with serve(store, token=TOKEN, quiet=True, actor=actor) as url:
        async with visiting(url) as visitor:
            nobody = await visitor.order("retry", "a")
            visitor.client.headers["X-User"] = "ann"
            ann = await visitor.order("retry", "a")

    assert (nobody["actor"], ann["actor"]) == ("devtools", "devtools:ann")


async def test_read_only_takes_nothing(store: MemoryStore) -> None:
    with serve(store, token=TOKEN, quiet=True, read_only=True) as url:
        async with visiting(url) as visitor:
            meta = await visitor.get("/meta")
            status, problem = await visitor.send("/commands", {"commands": [_retry()]})

    assert (meta["actions"], meta["read_only"]) == ([], True)
    assert (status, problem["code"]) == (403, "read_only")
    assert list(await store.commands("")) == []


async def test_meta_tells_what_may_be_done(visitor: Visitor) -> None:
    meta = await visitor.get("/meta")

    assert (meta["actions"], meta["read_only"]) == (list(KINDS), False)


async def test_a_session_needs_the_csrf_header(store: MemoryStore) -> None:
    tools = devtools(store, token=TOKEN)
    transport = httpx.ASGITransport(app=tools)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        await client.post("/login", data={"token": TOKEN})
        body = {"commands": [_retry()]}
        without = await client.post(f"{PREFIX}/commands", json=body)
        with_it = await client.post(f"{PREFIX}/commands", json=body, headers={"X-CNStra-CSRF": "1"})
    await tools.close()

    assert (without.status_code, without.json()["code"]) == (403, "no_csrf_header")
    assert with_it.status_code == 202


# ---- hostile -----------------------------------------------------------------------------------------------------


def _retry(**changes: Any) -> dict[str, Any]:
    return {"key": "k", "kind": "retry", "stimulation_id": "a", "arguments": {}} | changes


@pytest.mark.parametrize(
    ("commands", "detail"),
    [
        ([], "commands: Expected `array` of length >= 1"),
        ([_retry()] * 501, "commands: Expected `array` of length <= 500"),
        ({}, "commands: Expected `array`, got `object`"),
        ([_retry(), _retry(key=None)], "commands[1].key: Expected `str`, got `null`"),
        ([_retry(key="")], "commands[0]: key is a text of 1 to 200 characters"),
        ([_retry(kind="explode")], "commands[0]: kind is one of"),
        ([_retry(stimulation_id=None)], "commands[0]: stimulation_id is the id of the run"),
        ([_retry(seen="x")], "commands[0]: seen is the version of a run"),
        ([_retry(arguments=[])], "commands[0].arguments: Expected `object`, got `array`"),
        ([_retry(arguments={"x": 1})], "commands[0]: arguments: Object contains unknown field `x`"),
        ([_retry(actor="root")], "commands[0]: Object contains unknown field `actor`"),
        ([_retry(kind="fork", arguments={"from_task": 1.5})], "commands[0]: arguments.from_task: Expected `int`"),
        ([_retry(kind="abort", arguments={"reason": "\ud800"})], "commands[0]: arguments: no JSON data"),
    ],
)
async def test_a_command_that_makes_no_sense_is_named_and_none_is_stored(
    visitor: Visitor, store: MemoryStore, commands: Any, detail: str
) -> None:
    status, problem = await visitor.send("/commands", {"commands": commands})

    assert (status, problem["code"]) == (400, "bad_command")
    assert detail in problem["detail"]
    assert list(await store.commands("")) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
        b"NaN",
        b"{",
        b'{"a":1,"a":2}',
        b"9" * 5_000,
    ],
)
async def test_what_is_no_json_is_refused(visitor: Visitor, body: bytes) -> None:
    status, problem = await visitor.send("/commands", body)

    assert (status, problem["code"]) == (400, "bad_request")


async def test_a_body_that_is_too_large_is_refused(visitor: Visitor) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b" " * 1024 * 1024

    whole, problem = await visitor.send("/commands", b" " * (8 * 1024 * 1024 + 1))
    in_parts = await visitor.client.post(f"{PREFIX}/commands", content=parts())

    assert (whole, problem["code"]) == (413, "too_large")
    assert in_parts.status_code == 413


async def test_a_large_payload_is_taken(visitor: Visitor) -> None:
    payload = {"number": 1, "note": "x" * 5_000_000}

    ended = await visitor.ended(
        await visitor.order("stimulate", arguments={"collateral": "ordered", "payload": payload})
    )

    assert ended["status"] == "done"
    assert ended["arguments"]["payload"]["bytes"] > 5_000_000


@pytest.mark.parametrize("name", ["..", "/", "\0", "é\u202e", "~", "'; DROP TABLE cnstra_commands; --", "a" * 5_000])
async def test_a_hostile_id_is_data(visitor: Visitor, name: str) -> None:
    ended = await visitor.ended(await visitor.order("delete", name))
    page = await visitor.get("/commands")

    assert (ended["status"], ended["stimulation_id"]) == ("refused", name)
    assert page["commands"][0]["stimulation_id"] == name
