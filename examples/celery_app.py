"""A Celery app that exists already, and one flow of it that survives crashes: an order is reserved, paid and shipped.

```
export BROKER_URL=amqp://localhost                        # RabbitMQ; or redis://localhost:6379/0
python examples/celery_app.py work                        # or: celery --app examples.celery_app worker
python examples/celery_app.py order 7 8
```

`send_receipt` stands for the tasks that were there before: they stay as they are, and the flow uses one. Kill the
worker at any time (Ctrl-C, SIGTERM, kill -9), and start it again: an order goes on after its last step, which stands in
``orders.db``, and not from its start. A web server needs no more than the lines of `place` to place one.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import Any

from celery import Celery

from cnstra import CNS, Axon, DurableRunner, Signal, collateral, create_persist_registry, neuron
from cnstra.core.context import HandlerContext
from cnstra.workers.celery import enqueue, make_durable

PAUSE = float(os.environ.get("PAUSE", "1"))

# ---- what was there ----------------------------------------------------------------------------------------------

app = Celery("shop", broker=os.environ.get("BROKER_URL", "amqp://localhost"))
app.conf.task_default_queue = os.environ.get("QUEUE", "celery")
app.conf.worker_prefetch_multiplier = 1
app.conf.broker_connection_retry_on_startup = True


@app.task(name="shop.send_receipt")  # type: ignore[untyped-decorator] # Celery has no types
def send_receipt(order_id: str) -> None:
    """Send an e-mail, as the shop has always done."""
    print(f"order {order_id}: receipt sent", flush=True)


# ---- the flow ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants."""

    order_id: str


class StockAxon(Axon):
    """What the warehouse tells."""

    reserved = collateral(Order)


class BankAxon(Axon):
    """What the bank tells."""

    paid = collateral(Order)


Context = HandlerContext[Any, Any]

order_placed = collateral(Order)
stock = neuron(StockAxon)
bank = neuron(BankAxon)
shipping = neuron({})


@stock.dendrite(order_placed, in_thread=True)
def reserve(order: Order, axon: StockAxon, ctx: Context) -> Signal[Order]:
    """Put the goods aside."""
    say(order, "reserve", ctx)
    return axon.reserved.create_signal(order)


@bank.dendrite(StockAxon.reserved, in_thread=True)
def charge(order: Order, axon: BankAxon, ctx: Context) -> Signal[Order]:
    """Take the money; ``ctx.activation_id`` is the key that keeps a bank from taking it twice."""
    say(order, "charge", ctx)
    return axon.paid.create_signal(order)


@shipping.dendrite(BankAxon.paid, in_thread=True)
def ship(order: Order, _axon: object, ctx: Context) -> None:
    """Send the goods, and have a task of the app send the receipt."""
    say(order, "ship", ctx)
    send_receipt.delay(order.order_id)


def say(order: Order, what: str, ctx: Context) -> None:
    """Print what is done, which takes a while."""
    print(f"order {order.order_id}: {what}, attempt {ctx.attempt_number}", flush=True)
    time.sleep(PAUSE)


cns = CNS([stock, bank, shipping])
registry = create_persist_registry({"stock": stock, "bank": bank, "shipping": shipping})
registry.register_collateral("orderPlaced", order_placed)


def make_runner() -> DurableRunner:
    """Return the runner of one worker process."""
    return DurableRunner(cns, registry, os.environ.get("STORE", "sqlite:///orders.db"))


make_durable(app, make_runner)


def place(*order_ids: str) -> None:
    """Place orders; one that was placed already is not placed again."""
    for order_id in order_ids:
        placed = enqueue(app, registry, order_placed.create_signal(Order(order_id)), stimulation_id=f"order-{order_id}")
        print("placed", placed.id)


def main(command: str = "", *arguments: str) -> None:
    """Place orders, or work on them."""
    if command == "order":
        place(*arguments)
    elif command == "work":
        app.worker_main(["worker", "--concurrency=2", *arguments])
    else:
        print(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
