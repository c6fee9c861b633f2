"""What people build on it: stores that speak once a turn, pagination, sagas."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cnstra import CNS, AbortController, Axon, Drain, Neuron, Signal, StimulationAborted, collateral, neuron

start = collateral(name="start")


class Store:
    """Writes are visible at once; subscribers hear of them on `flush`, or at once if the store is *eager*."""

    def __init__(self, *, eager: bool = False) -> None:
        self.values: dict[str, Any] = {}
        self.subscribers: list[Callable[[dict[str, Any]], None]] = []
        self.eager = eager
        self.changed = False

    def write(self, **values: Any) -> None:
        self.values.update(values)
        self.changed = True
        if self.eager:
            self.tell()

    def flush(self, _: object = None) -> None:
        if self.changed:
            self.tell()

    def tell(self) -> None:
        self.changed = False
        for subscriber in self.subscribers:
            subscriber(dict(self.values))


def notes(store: Store) -> list[dict[str, Any]]:
    """Subscribe to *store*, and return what it tells."""
    told: list[dict[str, Any]] = []
    store.subscribers.append(told.append)
    return told


def three_writers(store: Store, read: list[Any]) -> CNS[Any]:
    """Return a chain whose neurons write a, b and c; the last one reads what it has written."""

    class Outputs(Axon):
        second = collateral()
        third = collateral()

    def write(name: str) -> None:
        store.write(name=name)
        if name == "c":
            read.append(store.values["name"])

    def first() -> Signal[Any]:
        write("a")
        return Outputs.second.create_signal()

    def second() -> Signal[Any]:
        write("b")
        return Outputs.third.create_signal()

    chain: list[Neuron[Any]] = [
        neuron(Outputs).dendrite(start, first),
        neuron(Outputs).dendrite(Outputs.second, second),
    ]
    return CNS([*chain, neuron({}).dendrite(Outputs.third, lambda: write("c"))])


def loader(store: Store) -> CNS[Any]:
    """Return a graph that writes, waits, and writes again."""

    class Outputs(Axon):
        loaded = collateral(str)

    async def load() -> Signal[str]:
        store.write(loading=True)
        await asyncio.sleep(0)
        return Outputs.loaded.create_signal("payload")

    def show(payload: str) -> None:
        store.write(loading=False)
        store.write(name=payload)

    return CNS([neuron(Outputs).dendrite(start, load), neuron({}).dendrite(Outputs.loaded, show)])


def test_a_flush_a_turn_is_one_notification_a_turn() -> None:
    store, read = Store(), list[Any]()
    told = notes(store)

    three_writers(store, read).stimulate(start.create_signal(), on_drain=store.flush)

    assert read == ["c"]
    assert told == [{"name": "c"}]


async def test_what_is_written_before_a_suspension_is_told_before_it() -> None:
    store = Store()
    told = notes(store)

    await loader(store).stimulate(start.create_signal(), on_drain=store.flush)

    assert told == [{"loading": True}, {"loading": False, "name": "payload"}]


def test_a_gate_makes_one_notification_a_turn_of_a_store_that_tells_of_every_write() -> None:
    store, gated = Store(eager=True), Store()
    told, raw = notes(gated), notes(store)
    store.subscribers.append(lambda values: gated.write(**values))

    three_writers(store, []).stimulate(start.create_signal(), on_drain=gated.flush)

    assert len(raw) == 3
    assert told == [{"name": "c"}]


async def test_a_gate_tells_once_on_each_side_of_a_suspension() -> None:
    store, gated = Store(eager=True), Store()
    told = notes(gated)
    store.subscribers.append(lambda values: gated.write(**values))

    await loader(store).stimulate(start.create_signal(), on_drain=gated.flush)

    assert told == [{"loading": True}, {"loading": False, "name": "payload"}]


def test_a_flush_is_synchronous_and_ends_with_its_listener() -> None:
    store = Store()
    told = notes(store)
    cns = three_writers(store, [])
    remove = cns.add_drain_listener(store.flush)

    counts = []
    for _ in range(2):
        cns.stimulate(start.create_signal())
        counts.append(len(told))
    remove()
    cns.stimulate(start.create_signal())

    assert counts == [1, 2]
    assert len(told) == 2


async def test_an_adapter_may_flush_once_for_many_runs() -> None:
    store, scheduled = Store(), list[asyncio.Handle]()
    told = notes(store)
    cns = three_writers(store, [])

    def flush_soon(drain: Drain) -> None:
        if not scheduled:
            scheduled.append(asyncio.get_running_loop().call_soon(store.flush))

    cns.add_drain_listener(flush_soon)
    for _ in range(3):
        cns.stimulate(start.create_signal())
    before = len(told)
    await asyncio.sleep(0)

    assert (before, told) == (0, [{"name": "c"}])


# ---- flows -----------------------------------------------------------------------------------------------------


def pages(fetched: list[int], controller: AbortController | None = None) -> CNS[Any]:
    class Outputs(Axon):
        next_page = collateral(int)
        finished = collateral(list[int])

    async def fetch(cursor: int, axon: Outputs, ctx: Any) -> Signal[Any]:
        await asyncio.sleep(0)
        fetched.append(cursor)
        ctx.set([*(ctx.get() or []), cursor])
        if controller is not None:
            controller.abort()
        return axon.next_page.create_signal(cursor + 1) if cursor < 1 else axon.finished.create_signal(ctx.get())

    return CNS([neuron(Outputs).dendrite([page, Outputs.next_page], fetch)])


page = collateral(int, name="page")


async def test_pages_follow_each_other_by_their_cursor() -> None:
    fetched: list[int] = []
    outputs: list[Any] = []

    await pages(fetched).stimulate(
        page.create_signal(0),
        on_response=lambda response: outputs.append(response.output_signal and response.output_signal.payload),
    )

    assert fetched == [0, 1]
    assert outputs[-1] == [0, 1]


async def test_an_abort_between_two_pages_keeps_the_second_from_being_fetched() -> None:
    fetched: list[int] = []
    controller = AbortController()

    with pytest.raises(StimulationAborted):
        await pages(fetched, controller).stimulate(page.create_signal(0), abort_signal=controller.signal)

    assert fetched == [0]


class Orders(Axon):
    reserved = collateral(str)
    charged = collateral(str)
    declined = collateral(str)


class Compensation(Axon):
    compensated = collateral(str)


created = collateral(str, name="created")


def shop(log: list[str], *, declines: bool) -> CNS[Any]:
    order = neuron(Orders, name="order")

    @order.dendrite(created)
    def reserve(payload: str, axon: Orders) -> Signal[str]:
        log.append("reserve")
        return axon.reserved.create_signal(payload)

    @order.dendrite(Orders.reserved)
    async def charge(payload: str, axon: Orders) -> Signal[str]:
        await asyncio.sleep(0)
        return axon.declined.create_signal(payload) if declines else axon.charged.create_signal(payload)

    def release(payload: str, axon: Compensation) -> Signal[str]:
        log.append("release")
        return axon.compensated.create_signal(payload)

    def confirm(payload: str) -> None:
        log.append("confirm")

    return CNS(
        [
            order,
            neuron(Compensation).dendrite(Orders.declined, release),
            neuron({}).dendrite(Compensation.compensated, lambda: log.append("compensated")),
            neuron({}).dendrite(Orders.charged, confirm),
        ]
    )


@pytest.mark.parametrize(
    ("declines", "expected"), [(True, ["reserve", "release", "compensated"]), (False, ["reserve", "confirm"])]
)
async def test_a_saga_compensates_a_declined_card_once(expected: list[str], *, declines: bool) -> None:
    log: list[str] = []

    await shop(log, declines=declines).stimulate(created.create_signal("order-1"))

    assert log == expected


async def test_a_long_saga_goes_on_with_an_event_from_outside() -> None:
    class Bridge(Axon):
        charged = collateral(str)

    log: list[str] = []
    webhook = collateral(str)
    bridge = neuron(Bridge).dendrite(webhook, Bridge.charged.create_signal)
    cns = CNS([bridge, neuron({}).dendrite(Bridge.charged, log.append)])

    await cns.stimulate(webhook.create_signal("order-1"))

    assert log == ["order-1"]


async def test_runs_can_be_let_run_out_at_the_end_of_a_program() -> None:
    door, done = asyncio.Event(), list[int]()

    async def work(payload: int) -> None:
        await door.wait()
        done.append(payload)

    cns = CNS([neuron({}).dendrite(page, work)])
    live = [cns.stimulate(page.create_signal(number)) for number in range(3)]
    door.set()
    await asyncio.gather(*live)

    assert done == [0, 1, 2]
