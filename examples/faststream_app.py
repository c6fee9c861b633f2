"""An application on FastStream that exists already, and gets one durable flow: an order, from payment to parcel.

```
export BROKER_URL=nats://localhost:4222             # or amqp://guest:guest@localhost:5672/
python examples/faststream_app.py order 1001 1002
python examples/faststream_app.py run               # Ctrl-C, SIGTERM or kill -9 at any time; start several; start again
```

The application has a subscriber of its own, which greets; it stays as it was. What an order has been through stands in
``orders.db``: whichever process gets its job next goes on there. `python examples/faststream_app.py work` does the same
work in a process without the application.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from dataclasses import dataclass
from typing import Any

from faststream import FastStream
from faststream.nats import NatsBroker
from faststream.rabbit import RabbitBroker

from cnstra import CNS, Axon, CNSPersistOptionsRegistry, DurableRunner, Signal, collateral, neuron
from cnstra.core.context import HandlerContext
from cnstra.workers import BrokerWorker
from cnstra.workers.faststream import attach, create_worker, enqueue
from cnstra.workers.faststream.nats import JobSubject
from cnstra.workers.faststream.rabbit import JobQueue

BROKER_URL = os.environ.get("BROKER_URL", "nats://localhost:4222")
PAUSE = float(os.environ.get("PAUSE", "1"))
ACK_WAIT = float(os.environ.get("ACK_WAIT", "10"))

# ---- the application, as it was ----------------------------------------------------------------------------------

broker: Any = RabbitBroker(BROKER_URL) if BROKER_URL.startswith("amqp") else NatsBroker(BROKER_URL)
app = FastStream(broker)


@broker.subscriber("greetings")  # type: ignore[untyped-decorator]  # of either broker
async def greet(name: str) -> None:
    """Greet somebody."""
    print(f"hello {name}", flush=True)


# ---- the flow ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody has ordered."""

    order_id: str


class PaymentAxon(Axon):
    """What the till tells."""

    paid = collateral(Order)


class StoreAxon(Axon):
    """What the store tells."""

    packed = collateral(Order)


ordered = collateral(Order)
till = neuron(PaymentAxon)
warehouse = neuron(StoreAxon)
post = neuron({})


@till.dendrite(ordered)
async def charge(order: Order, axon: PaymentAxon, ctx: HandlerContext[None, None]) -> Signal[Order]:
    """Take the money; the payment provider would get ``ctx.activation_id``, so that it does that once."""
    await say(f"{order.order_id}: charged", ctx)
    return axon.paid.create_signal(order)


@warehouse.dendrite(PaymentAxon.paid)
async def pack(order: Order, axon: StoreAxon, ctx: HandlerContext[None, None]) -> Signal[Order]:
    """Pack the parcel."""
    await say(f"{order.order_id}: packed", ctx)
    return axon.packed.create_signal(order)


@post.dendrite(StoreAxon.packed)
async def send(order: Order, _axon: object, ctx: HandlerContext[None, None]) -> None:
    """Send the parcel."""
    await say(f"{order.order_id}: sent", ctx)


async def say(text: str, ctx: HandlerContext[None, None]) -> None:
    """Print what is done, which takes a while."""
    print(f"{text}, attempt {ctx.attempt_number}", flush=True)
    await asyncio.sleep(PAUSE)


cns = CNS([till, warehouse, post])
registry = CNSPersistOptionsRegistry().register("till", till).register("warehouse", warehouse).register("post", post)
registry.register_collateral("ordered", ordered)
runner = DurableRunner(cns, registry, "sqlite:///orders.db", max_active_runs=0)

# ---- the two together: these lines are new -----------------------------------------------------------------------

orders: Any = (
    JobQueue("orders")
    if BROKER_URL.startswith("amqp")
    else JobSubject("orders.new", stream="orders", ack_wait=ACK_WAIT)
)
attach(broker, orders, runner).install(app)


@app.after_startup
async def tell() -> None:
    """Say that everything is there."""
    print("the application is up", flush=True)


async def order(*order_ids: str) -> None:
    """Put orders there; one that is there already has one run all the same."""
    await broker.connect()
    for order_id in order_ids:
        signal = ordered.create_signal(Order(order_id))
        print("ordered", await enqueue(broker, registry, signal, to=orders, stimulation_id=f"order-{order_id}"))
    await broker.publish("everybody", "greetings")
    await broker.stop()


def make_worker() -> BrokerWorker:
    """Return a worker of its own; `cnstra worker` takes this function, too."""
    return create_worker(orders, runner, broker=BROKER_URL)


def main(command: str = "", *arguments: str) -> None:
    """Put orders there, or work on them."""
    logging.basicConfig(level=logging.WARNING)
    if command == "order":
        asyncio.run(order(*arguments))
    elif command == "run":
        asyncio.run(app.run())
    elif command == "work":
        asyncio.run(make_worker().serve())
    else:
        print(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
