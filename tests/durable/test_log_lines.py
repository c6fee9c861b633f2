"""What handlers log is stored with the history rows of their hops."""

import asyncio
import functools
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, collateral, neuron
from cnstra.durable.log_capture import CAPTURE
from cnstra.durable.log_lines import LogLines, line_of
from cnstra.errors import GraphError
from cnstra.persist.ports import Store
from cnstra.persist.records import LogLine
from cnstra.stores import MemoryStore
from tests.durable.graphs import Boom, Context, Graph, Item, Switch, line, pass_on

log = logging.getLogger("tests.shop")


@pytest.fixture(autouse=True)
def _level() -> Iterator[None]:
    log.setLevel(logging.INFO)
    yield
    log.setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def factory() -> Iterator[Callable[..., logging.LogRecord]]:
    """The record factory that is there without a runner, which each test leaves behind.

    Runners that other tests have left open, as a crash does, are not known here.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CAPTURE, "_users", 0)
        patch.setattr(CAPTURE, "_factory", None)
        patch.setattr(logging, "_logRecordFactory", logging.LogRecord)
        yield logging.LogRecord
        assert logging.getLogRecordFactory() is logging.LogRecord


def say(item: Item, ctx: Context) -> Item:
    log.info("item %d", item.n)
    return item


async def logs_of(graph: Graph, store: Store | None = None, **options: Any) -> list[list[str]]:
    """Run *graph*; return of each task what it logged."""
    async with DurableRunner(graph.cns, graph.registry, store or MemoryStore(), **options) as runner:
        run = await runner.stimulate(graph.signal(7), stimulation_id="a")
        assert run.stimulation is not None
        await run.stimulation.wait_quietly()
        run.stimulation.observe()
        return messages(await runner.tasks("a"))


def messages(tasks: Sequence[Any]) -> list[list[str]]:
    return [[one.message for one in task.logs] for task in tasks]


# ---- what is noted ---------------------------------------------------------------------------------------------------


async def test_each_task_has_the_lines_that_its_handler_logged(store: Store) -> None:
    def quiet(item: Item, ctx: Context) -> Item:
        return item

    async def later(item: Item, ctx: Context) -> None:
        log.info("before")
        await asyncio.sleep(0)
        log.warning("after")

    assert await logs_of(line(say, quiet, later), store) == [["item 7"], [], ["before", "after"]]


async def test_a_line_tells_when_how_loud_and_who() -> None:
    graph = line(lambda item, ctx: log.warning("out of %s", "cards"))

    async with DurableRunner(graph.cns, graph.registry, MemoryStore()) as runner:
        await (await runner.stimulate(graph.signal(), stimulation_id="a"))
        [task] = await runner.tasks("a")

    [one] = task.logs
    assert (one.level, one.logger_name, one.message) == ("WARNING", "tests.shop", "out of cards")
    assert task.started_at is not None
    assert one.at >= task.started_at


async def test_what_the_level_of_its_logger_forbids_is_not_noted() -> None:
    assert await logs_of(line(lambda item, ctx: log.debug("not this"))) == [[]]


async def test_a_handler_in_a_thread_is_heard() -> None:
    def body(item: Item, ctx: Context) -> None:
        log.info("here: %s", threading.current_thread() is threading.main_thread())

    assert await logs_of(in_thread(body)) == [["here: False"]]


async def test_the_threads_and_tasks_of_a_handler_are_heard() -> None:
    async def say_later(word: str) -> None:
        await asyncio.sleep(0)
        log.info(word)

    async def body(item: Item, ctx: Context) -> None:
        await asyncio.gather(asyncio.create_task(say_later("task")), asyncio.to_thread(log.info, "thread"))

    [noted] = await logs_of(line(body))

    assert sorted(noted) == ["task", "thread"]


async def test_handlers_that_run_at_the_same_time_are_kept_apart() -> None:
    both = asyncio.Barrier(2)

    async def body(item: Item, ctx: Context) -> None:
        await both.wait()
        log.info("first %d", item.n)
        await both.wait()
        log.info("second %d", item.n)

    noted = await logs_of(line(lambda item, ctx: [Item(1), Item(2)], body))

    assert sorted(noted) == [[], ["first 1", "second 1"], ["first 2", "second 2"]]


async def test_runs_of_two_runners_are_kept_apart() -> None:
    graph, other = line(say), line(say)
    async with (
        DurableRunner(graph.cns, graph.registry, MemoryStore()) as one,
        DurableRunner(other.cns, other.registry, MemoryStore(), log_lines=0) as deaf,
    ):
        await (await one.stimulate(graph.signal(1), stimulation_id="a"))
        await (await deaf.stimulate(other.signal(2), stimulation_id="a"))

        assert messages(await one.tasks("a")) == [["item 1"]]
        assert messages(await deaf.tasks("a")) == [[]]


async def test_a_run_that_a_handler_starts_has_lines_of_its_own() -> None:
    inner = line(say)
    async with DurableRunner(inner.cns, inner.registry, MemoryStore()) as runner:

        async def body(item: Item, ctx: Context) -> None:
            await (await runner.stimulate(inner.signal(1), stimulation_id="inner"))
            log.info("outer")

        assert await logs_of(line(body)) == [["outer"]]
        assert messages(await runner.tasks("inner")) == [["item 1"]]


async def test_what_is_logged_outside_handlers_goes_nowhere() -> None:
    graph = line(pass_on, pass_on)

    async with DurableRunner(graph.cns, graph.registry, MemoryStore()) as runner:
        log.info("outside")
        await (await runner.stimulate(graph.signal(), stimulation_id="a", on_response=lambda _: log.info("listener")))

        assert messages(await runner.tasks("a")) == [[], []]


async def test_what_is_logged_after_the_handler_has_settled_goes_nowhere() -> None:
    left: list[asyncio.Task[None]] = []
    over = asyncio.Event()

    async def stay() -> None:
        await over.wait()
        log.info("too late")

    async def body(item: Item, ctx: Context) -> None:
        log.info("in time")
        left.append(asyncio.create_task(stay()))

    async def last(item: Item, ctx: Context) -> None:
        over.set()
        await left[0]

    assert await logs_of(line(lambda item, ctx: [Item(1), Item(2)], one_of(body, last))) == [[], ["in time"], []]


@pytest.mark.parametrize("result", [None, [object()]], ids=["it raises", "its payload cannot be stored"])
async def test_a_failed_task_has_its_lines_with_its_failure(store: Store, result: Any) -> None:
    async def body(item: Item, ctx: Context) -> Any:
        log.info("so far")
        return result or Switch()(item, ctx)

    assert await logs_of(line(body), store) == [["so far"]]


async def test_each_attempt_has_the_lines_of_its_own(store: Store) -> None:
    tries: list[int] = []

    def body(item: Item, ctx: Context) -> None:
        tries.append(1)
        log.info("try %d", len(tries))
        if len(tries) == 1:
            raise ValueError

    graph = line(body)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(), stimulation_id="a")
        with pytest.raises(ExceptionGroup):
            await run
        await (await runner.retry("a"))

        assert messages(await runner.tasks("a")) == [["try 1"], ["try 2"]]


async def test_a_volume_without_history_keeps_no_lines(store: Store) -> None:
    assert await logs_of(line(say), store, volume="progress") == []


async def test_none_are_kept_where_none_are_wanted(factory: Callable[..., logging.LogRecord]) -> None:
    graph = line(say)

    async with DurableRunner(graph.cns, graph.registry, MemoryStore(), log_lines=0):
        assert logging.getLogRecordFactory() is factory
    assert await logs_of(line(say), log_lines=0) == [[]]


@pytest.mark.parametrize("number", [-1, 1.5, True, None])
def test_a_number_of_lines_that_makes_no_sense_is_refused(number: Any) -> None:
    graph = line(say)

    with pytest.raises(GraphError, match="log_lines must be a whole number of 0 or more"):
        DurableRunner(graph.cns, graph.registry, MemoryStore(), log_lines=number)


# ---- how much of it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("most", "kept"),
    [
        (1, ["0", "... 8 lines left out ..."]),
        (4, ["0", "1", "... 5 lines left out ...", "7", "8"]),
        (5, ["0", "1", "2", "... 4 lines left out ...", "7", "8"]),
        (9, [*map(str, range(9))]),
    ],
)
async def test_of_many_lines_the_first_and_the_last_are_kept(store: Store, most: int, kept: list[str]) -> None:
    def body(item: Item, ctx: Context) -> None:
        for n in range(9):
            log.info("%d", n)

    assert await logs_of(line(body), store, log_lines=most) == [kept]


def test_many_threads_may_log_at_once() -> None:
    lines = LogLines(500)
    some = [LogLine(1.0, "INFO", "shop", str(n)) for n in range(1000)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(deque, map(lines.add, some), 0)

    kept = lines.all()

    assert len(kept) == 501
    assert kept[250].message == "... 7500 lines left out ..."


def test_a_long_message_is_cut() -> None:
    message = line_of(record("x" * 5_000)).message

    assert 2_000 <= len(message) < 2_100
    assert "3000 characters left out" in message


# ---- what cannot be a message ----------------------------------------------------------------------------------------


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("told", "arguments", "noted"),
    [
        ("%s", (Broken(),), "%s (its arguments cannot be put in: RuntimeError)"),
        ("%d of %d", (1,), "%d of %d (its arguments cannot be put in: TypeError)"),
        (Broken(), (), "(its text cannot be made) (its arguments cannot be put in: RuntimeError)"),
        ("a\0b\ud800c", (), "a\\x00b\\ud800c"),
        (17, (), "17"),
    ],
)
def test_what_cannot_be_a_message_is_noted_as_such(told: Any, arguments: tuple[Any, ...], noted: str) -> None:
    assert line_of(record(told, *arguments)).message == noted


async def test_a_message_that_cannot_be_made_hurts_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    monkeypatch.setattr(log, "propagate", False)  # the log handlers of pytest raise what they meet
    log.addHandler(logging.NullHandler())

    noted = await logs_of(line(lambda item, ctx: log.info("%s", Broken())), store)

    assert noted == [["%s (its arguments cannot be put in: RuntimeError)"]]


async def test_an_argument_that_logs_when_it_is_made_a_text_is_heard_too() -> None:
    class Chatty:
        def __str__(self) -> str:
            log.info("I am asked")
            return "me"

    [noted] = await logs_of(line(lambda item, ctx: log.info("it is %s", Chatty())))

    assert noted[:2] == ["I am asked", "it is me"]


async def test_an_exception_that_is_logged_is_in_the_message() -> None:
    def body(item: Item, ctx: Context) -> None:
        try:
            Switch()(item, ctx)
        except Boom:
            log.exception("it failed")

    [[message]] = await logs_of(line(body))

    assert message.startswith("it failed\nTraceback (most recent call last):")
    assert message.endswith("Boom: item 7\n")


async def test_a_record_that_is_made_of_another_is_no_line() -> None:
    def body(item: Item, ctx: Context) -> None:
        logging.makeLogRecord({"msg": "from another process"})

    assert await logs_of(line(body)) == [[]]


# ---- the record factory ----------------------------------------------------------------------------------------------


async def test_records_are_made_by_the_factory_that_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(logging.LogRecord):
        pass

    monkeypatch.setattr(logging, "_logRecordFactory", Own)
    made: list[logging.LogRecord] = []
    monkeypatch.setattr(log, "handle", made.append)

    assert await logs_of(line(say)) == [["item 7"]]

    assert [type(one) for one in made] == [Own]
    assert logging.getLogRecordFactory() is Own


async def test_the_factory_is_there_until_the_last_runner_closes(factory: Callable[..., logging.LogRecord]) -> None:
    graph = line(say)
    one, other = (DurableRunner(graph.cns, graph.registry, MemoryStore()) for _ in range(2))
    await one.open()
    ours = logging.getLogRecordFactory()
    await other.open()
    assert logging.getLogRecordFactory() is ours

    await one.close()
    await one.close()
    assert logging.getLogRecordFactory() is ours
    await other.close()

    assert logging.getLogRecordFactory() is factory


async def test_a_runner_that_cannot_open_leaves_no_factory(
    factory: Callable[..., logging.LogRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = line(say)
    store = MemoryStore()
    monkeypatch.setattr(store, "workers", None)

    with pytest.raises(TypeError):
        await DurableRunner(graph.cns, graph.registry, store).open()

    assert logging.getLogRecordFactory() is factory


async def test_a_factory_that_somebody_puts_around_it_stays(
    factory: Callable[..., logging.LogRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = line(say)
    async with DurableRunner(graph.cns, graph.registry, MemoryStore()) as runner:
        wrapper = wrapped(logging.getLogRecordFactory())
        logging.setLogRecordFactory(wrapper)
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        assert messages(await runner.tasks("a")) == [["item 1"]]
    try:
        assert logging.getLogRecordFactory() is wrapper
        assert await logs_of(line(say)) == [["item 7"]]  # once, although a factory of the first runner is in it
        assert logging.getLogRecordFactory() is wrapper
    finally:
        logging.setLogRecordFactory(factory)


async def test_a_factory_that_somebody_puts_in_its_place_is_heard_by_the_next_runner(
    factory: Callable[..., logging.LogRecord],
) -> None:
    graph = line(say)
    async with DurableRunner(graph.cns, graph.registry, MemoryStore()) as runner:
        replacement = wrapped(logging.LogRecord)
        logging.setLogRecordFactory(replacement)
        await (await runner.stimulate(graph.signal(1), stimulation_id="deaf"))
        assert await logs_of(line(say)) == [["item 7"]]
        await (await runner.stimulate(graph.signal(2), stimulation_id="b"))

        assert messages([*await runner.tasks("deaf"), *await runner.tasks("b")]) == [[], ["item 2"]]
    assert logging.getLogRecordFactory() is replacement
    logging.setLogRecordFactory(factory)


def wrapped(inner: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    return functools.partial(inner)


def record(message: Any, *arguments: Any) -> logging.LogRecord:
    return logging.LogRecord("tests.shop", logging.INFO, __file__, 1, message, arguments, None)


def one_of(*bodies: Callable[[Item, Context], Awaitable[None]]) -> Callable[[Item, Context], Awaitable[None]]:
    """Return a body that is the first one for item 1, the second for item 2."""

    async def body(item: Item, ctx: Context) -> None:
        await bodies[item.n - 1](item, ctx)

    return body


def in_thread(body: Callable[[Item, Context], None]) -> Graph:
    """Return a graph of one neuron whose handler runs in a thread."""
    start = collateral(Item, name="c0")

    def handle(payload: Item, axon: Any, ctx: Context) -> None:
        body(payload, ctx)

    one = neuron({}, name="n0").dendrite(start, handle, in_thread=True)
    registry = CNSPersistOptionsRegistry()
    registry.register_collateral("c0", start)
    registry.register("n0", one)
    return Graph(CNS([one]), registry, start, [one], [start], [])
