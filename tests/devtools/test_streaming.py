"""What is told live, over a real server and real stores."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message

from cnstra import DurableRunner
from cnstra.devtools import serve
from cnstra.devtools.feed import BOX, MAX_SUBSCRIPTIONS, Event, Feed, Subscription
from cnstra.devtools.streaming import EventRoutes
from cnstra.devtools.watching import Change, Lookout
from cnstra.inspection.encoding import json_bytes
from cnstra.inspection.reading import Reader
from cnstra.inspection.redacting import Redaction
from cnstra.inspection.views import Views
from cnstra.stores import MemoryStore
from tests.devtools.shop import Shop, sell
from tests.devtools.visiting import TOKEN, Visitor, collect, until, visiting
from tests.servers.proxy import proxy_to
from tests.stores.postgres_stores import open_postgres_store


async def test_a_run_appears_and_its_end_is_told(runner: DurableRunner, shop: Shop, visitor: Visitor) -> None:
    async with visitor.news() as news:
        await until(news, "hello", is_store_there=True)
        await runner.stimulate(shop.order(note="hold"), stimulation_id="a")
        await until(news, "run", stimulation_id="a", status="running", hop_count=1)
        shop.release()
        ended = await until(news, "run", stimulation_id="a", status="completed")

    assert ended.data["hop_count"] == 3
    assert ended.data["ref"] == "a"


async def test_news_of_one_run_are_of_that_run_alone(runner: DurableRunner, shop: Shop, visitor: Visitor) -> None:
    await sell(runner, shop, "a", note="fail")
    async with visitor.news(run="a") as news:
        await until(news, "hello")
        await sell(runner, shop, "b")
        await runner.delete("a")
        seen = await collect(news, "gone")

    assert {one.data["stimulation_id"] for one in seen if one.kind in {"run", "gone"}} == {"a"}


async def test_counts_and_workers_are_told_when_they_change(
    runner: DurableRunner, shop: Shop, visitor: Visitor, store_url: str
) -> None:
    async with visitor.news() as news:
        await until(news, "hello")
        await sell(runner, shop, "a")
        stats = await until(news, "stats")
        async with shop.runner(store_url, worker_id="second"):
            workers = await until(news, "workers")

    assert stats.data["runs"]["completed"] == 1
    assert "second" in {worker["worker_id"] for worker in workers.data["workers"]}


async def test_a_client_that_comes_back_gets_what_it_missed(
    runner: DurableRunner, shop: Shop, visitor: Visitor
) -> None:
    async with visitor.news() as watching_on:
        await until(watching_on, "hello")
        async with visitor.news() as news:
            await until(news, "hello")
            await sell(runner, shop, "a")
            last = (await until(news, "run", stimulation_id="a", status="completed")).id
        await sell(runner, shop, "b")
        await until(watching_on, "run", stimulation_id="b", status="completed")

        async with visitor.news(last=last) as news:
            seen = await collect(news, "run", stimulation_id="b", status="completed")

    assert [one.kind for one in seen].count("resync") == 0
    assert {one.data["stimulation_id"] for one in seen if one.kind == "run"} == {"b"}


async def test_after_a_restart_a_client_catches_up_and_is_told_to_look_again(
    runner: DurableRunner, shop: Shop, store_url: str
) -> None:
    with serve(store_url, token=TOKEN, quiet=True) as address:
        async with visiting(address) as visitor, visitor.news() as news:
            await until(news, "hello")
            await sell(runner, shop, "a")
            last = (await until(news, "run", stimulation_id="a", status="completed")).id
    await sell(runner, shop, "b")

    with serve(store_url, token=TOKEN, quiet=True) as address:
        async with visiting(address) as visitor, visitor.news(last=last) as news:
            missed = await until(news, "run", stimulation_id="b")
            again = await until(news, "resync")

    assert missed.data["status"] == "completed"
    assert again.data["reason"] == "the server has started anew"


@pytest.mark.parametrize("last", ["", "x", "a.b.c", "0.0.nan", "é", "9" * 500, "a.1.1e999"])
async def test_a_last_event_that_never_was_is_no_fault(runner: DurableRunner, visitor: Visitor, last: str) -> None:
    async with visitor.news(last_event_id=last) as news:
        assert (await until(news, "hello")).data["is_store_there"]


async def test_a_store_that_goes_away_and_comes_back_is_told_of(postgres_url: str, postgres_schema: str) -> None:
    async with proxy_to(postgres_url) as proxy, open_postgres_store(proxy.url, postgres_schema, timeout=1.0) as store:
        with serve(store, token=TOKEN, quiet=True) as address:
            async with visiting(address) as visitor, visitor.news() as news:
                await until(news, "hello", is_store_there=True)
                proxy.is_refusing = True
                proxy.cut()
                away = await until(news, "store", is_there=False)
                refused = await visitor.problem("/runs")
                proxy.heal()
                await until(news, "store", is_there=True)

                assert (await visitor.get("/runs"))["runs"] == []

    assert refused == "store_error"
    assert away.data["detail"]


async def test_a_store_that_is_not_there_at_first_is_found_later(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    with serve(f"sqlite:///{folder}/runs.db", token=TOKEN, quiet=True) as address:
        async with visiting(address) as visitor, visitor.news() as news:
            refused = await visitor.problem("/runs")
            folder.mkdir()
            await until(news, "store", is_there=True)

            assert (await visitor.get("/runs"))["runs"] == []

    assert refused == "store_error"


async def test_a_slow_client_is_told_to_fetch_everything_again() -> None:
    subscription = Subscription(None)
    for number in range(BOX + 10):
        subscription.put(Event(str(number), Change("run", str(number), {})))

    events = await subscription.take(0)

    assert len(events) <= BOX
    assert events[0].change.kind == "resync"
    assert subscription.overflows == 1


async def test_a_slow_client_gets_the_last_of_several_changes() -> None:
    subscription = Subscription(None)
    for number in range(3):
        subscription.put(Event(str(number), Change("run", "a", {"hop_count": number})))
    subscription.put(Event("3", Change("gone", "a", {})))

    assert [event.id for event in await subscription.take(0)] == ["3"]


async def test_there_is_no_room_for_too_many(sqlite_url: str) -> None:
    crowd = MAX_SUBSCRIPTIONS + 6
    with serve(sqlite_url, token=TOKEN, quiet=True) as address:
        async with visiting(address) as visitor, asyncio.TaskGroup() as group:
            leave = asyncio.Event()
            statuses: list[int] = []
            for _ in range(crowd):
                group.create_task(_stay(visitor.client, statuses, leave))
            while len(statuses) < crowd:  # noqa: ASYNC110 - what is waited for sets no event
                await asyncio.sleep(0.01)
            leave.set()

    assert sorted(statuses) == [200] * MAX_SUBSCRIPTIONS + [503] * 6


async def _stay(client: httpx.AsyncClient, statuses: list[int], leave: asyncio.Event) -> None:
    async with client.stream("GET", "/api/v1/events") as answer:
        statuses.append(answer.status_code)
        await leave.wait()


async def test_a_client_that_goes_makes_room(sqlite_url: str) -> None:
    with serve(sqlite_url, token=TOKEN, quiet=True) as address:
        async with visiting(address) as visitor:
            for _ in range(3):
                async with visitor.news() as news:
                    await until(news, "hello")
            while (await visitor.get("/health"))["feed"]["clients"]:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)


async def test_a_runner_in_this_loop_is_watched_from_the_servers_thread(shop: Shop) -> None:
    async with shop.runner(MemoryStore()) as runner:
        with serve(runner, token=TOKEN, quiet=True) as address:
            async with visiting(address) as visitor, visitor.news() as news:
                await until(news, "hello")
                await sell(runner, shop, "a")
                ended = await until(news, "run", stimulation_id="a", status="completed")

    assert json_bytes(ended.data)


async def test_silence_is_broken_so_that_nobody_takes_the_stream_for_dead() -> None:
    sent: asyncio.Queue[Message] = asyncio.Queue()
    hung_up = asyncio.Event()
    reader = Reader(MemoryStore(), "")
    feed = Feed(Lookout(reader, Views(Redaction())), reader.changed)
    request = Request({"type": "http", "method": "GET", "query_string": b"", "headers": []})
    stream = await EventRoutes(feed, heartbeat=0.5).stream(request)

    async def receive() -> Message:
        await hung_up.wait()
        return {"type": "http.disconnect"}

    sending = asyncio.create_task(stream({"type": "http", "method": "GET"}, receive, sent.put))
    while (await sent.get()).get("body") != b": nothing new\n\n":
        pass
    hung_up.set()
    await sending
    await feed.close()

    assert feed.numbers()["clients"] == 0


async def test_a_question_for_the_head_of_the_stream_ends(visitor: Visitor, runner: DurableRunner) -> None:
    answer = await visitor.client.head("/api/v1/events")

    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.content == b""
