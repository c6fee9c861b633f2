"""An order saga with compensation on Procrastinate: reserve, charge, ship; or undo what was done and cancel the order.

```
export DATABASE_URL=postgresql://localhost/shop     # a database of its own
python examples/order_saga.py setup
python examples/order_saga.py place tea piano ruby  # three orders
python examples/order_saga.py work                  # Ctrl-C, SIGTERM or kill -9 at any time; start several; start again
python examples/order_saga.py show
```

An order and its job are written in one transaction, so that there is never one without the other. What a step writes
into the shop's tables is one commit with the step. The payment provider is outside: it is given the id of the
activation, which is the same however often the step has to run. What went wrong in the shop's own sense, such as a card
that is declined, is a signal that leads back along the steps; what went wrong in the machine's sense is an exception,
and the step runs again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from dataclasses import dataclass

import psycopg

from cnstra import CNS, Axon, CNSPersistOptionsRegistry, DurableRunner, Signal, collateral, neuron
from cnstra.core.context import HandlerContext
from cnstra.workers import BrokerWorker, stimulation_job
from cnstra.workers.procrastinate import apply_schema, create_worker, enqueue

DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql://localhost/shop")
QUEUE = "orders"
HEARTBEAT = float(os.environ.get("HEARTBEAT", "10"))
PAUSE = float(os.environ.get("PAUSE", "1"))
CREDIT = 100_000
TOO_HEAVY = "piano"

TABLES = """
    CREATE TABLE IF NOT EXISTS stock (item text PRIMARY KEY, cents int NOT NULL, pieces int CHECK (pieces >= 0));
    CREATE TABLE IF NOT EXISTS orders (id text PRIMARY KEY, item text NOT NULL REFERENCES stock, status text NOT NULL);
    CREATE TABLE IF NOT EXISTS payments (key text PRIMARY KEY, order_id text NOT NULL, cents int NOT NULL);
    INSERT INTO stock VALUES ('tea', 500, 3), ('piano', 90000, 1), ('ruby', 7000000, 1) ON CONFLICT DO NOTHING;
"""

Context = HandlerContext[None, None]


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants."""

    order_id: str
    item: str
    cents: int


class StockAxon(Axon):
    """What the warehouse tells."""

    reserved = collateral(Order)
    cancelled = collateral(Order)


class CashAxon(Axon):
    """What the cash desk tells."""

    charged = collateral(Order)
    declined = collateral(Order)
    refunded = collateral(Order)


class PostAxon(Axon):
    """What the post office tells."""

    shipped = collateral(Order)
    refused = collateral(Order)


placed = collateral(Order)
stock = neuron(StockAxon)
cash = neuron(CashAxon)
post = neuron(PostAxon)
clerk = neuron({})


# ---- the way forward -------------------------------------------------------------------------------------------------


@stock.dendrite(placed, transactional=True)
async def reserve(order: Order, axon: StockAxon, ctx: Context) -> Signal[Order]:
    """Put a piece aside, if there is one."""
    await say(order, "reserve", ctx)
    take = "UPDATE stock SET pieces = pieces - 1 WHERE item = %s AND pieces > 0"
    taken = await ctx.connection.execute(take, (order.item,))
    return (axon.reserved if taken.rowcount else axon.cancelled).create_signal(order)


@cash.dendrite(StockAxon.reserved)
async def charge(order: Order, axon: CashAxon, ctx: Context) -> Signal[Order]:
    """Take the money."""
    await say(order, "charge", ctx)
    if order.cents > CREDIT:
        return axon.declined.create_signal(order)
    await pay(ctx.activation_id, order.order_id, order.cents)
    return axon.charged.create_signal(order)


@post.dendrite(CashAxon.charged)
async def ship(order: Order, axon: PostAxon, ctx: Context) -> Signal[Order]:
    """Hand the parcel over."""
    await say(order, "ship", ctx)
    return (axon.refused if order.item == TOO_HEAVY else axon.shipped).create_signal(order)


@clerk.dendrite(PostAxon.shipped, transactional=True)
async def close(order: Order, _: object, ctx: Context) -> None:
    """Note that all went well."""
    await say(order, "close", ctx)
    await note(order, "shipped", ctx)


# ---- and back --------------------------------------------------------------------------------------------------------


@cash.dendrite(PostAxon.refused)
async def refund(order: Order, axon: CashAxon, ctx: Context) -> Signal[Order]:
    """Give the money back."""
    await say(order, "refund", ctx)
    await pay(ctx.activation_id, order.order_id, -order.cents)
    return axon.refunded.create_signal(order)


@stock.dendrite(CashAxon.declined, transactional=True)
@stock.dendrite(CashAxon.refunded, transactional=True)
async def release(order: Order, axon: StockAxon, ctx: Context) -> Signal[Order]:
    """Put the piece back."""
    await say(order, "release", ctx)
    await ctx.connection.execute("UPDATE stock SET pieces = pieces + 1 WHERE item = %s", (order.item,))
    return axon.cancelled.create_signal(order)


@clerk.dendrite(StockAxon.cancelled, transactional=True)
async def cancel(order: Order, _: object, ctx: Context) -> None:
    """Note that nothing came of it."""
    await say(order, "cancel", ctx)
    await note(order, "cancelled", ctx)


# ---- the shop --------------------------------------------------------------------------------------------------------


async def say(order: Order, step: str, ctx: Context) -> None:
    """Print what is done, which takes a while."""
    print(f"{order.order_id}: {step}, attempt {ctx.attempt_number}", flush=True)
    await asyncio.sleep(PAUSE)


async def note(order: Order, status: str, ctx: Context) -> None:
    """Change the status of an order, in the transaction of the step."""
    await ctx.connection.execute("UPDATE orders SET status = %s WHERE id = %s", (status, order.order_id))


async def pay(key: str, order_id: str, cents: int) -> None:
    """Stand for the payment provider, which does a thing once however often it is asked with the same key."""
    async with await psycopg.AsyncConnection.connect(DATABASE_URL) as provider:
        await provider.execute(
            "INSERT INTO payments VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", (key, order_id, cents)
        )


cns = CNS([stock, cash, post, clerk])
registry = CNSPersistOptionsRegistry()
registry.register("stock", stock).register("cash", cash).register("post", post).register("clerk", clerk)
registry.register_collateral("placed", placed)


async def setup() -> None:
    """Make the tables of the shop and of Procrastinate; those of the runs are made by the worker."""
    await apply_schema(DATABASE_URL)
    async with await psycopg.AsyncConnection.connect(DATABASE_URL) as connection:
        await connection.execute(TABLES)


async def place(item: str) -> str:
    """Write an order and its job in one transaction, and return the id of the order."""
    async with await psycopg.AsyncConnection.connect(DATABASE_URL) as connection:
        number = await (await connection.execute("SELECT count(*) + 1 FROM orders")).fetchone()
        found = await (await connection.execute("SELECT cents FROM stock WHERE item = %s", (item,))).fetchone()
        order = Order(f"order-{number[0] if number else 0}-{item}", item, found[0] if found else 0)
        job = stimulation_job(registry, placed.create_signal(order), stimulation_id=order.order_id)
        await enqueue(QUEUE, job, connection=connection)
        await connection.execute("INSERT INTO orders VALUES (%s, %s, 'placed')", (order.order_id, item))
    return order.order_id


def make_worker() -> BrokerWorker:
    """Return a worker on the queue; `cnstra worker` takes this function, too."""
    runner = DurableRunner(cns, registry, DATABASE_URL, max_active_runs=0, lease=HEARTBEAT)
    return create_worker(QUEUE, runner, connection=DATABASE_URL, heartbeat_timeout=HEARTBEAT)


async def show() -> None:
    """Print what has become of the orders, what is left, and what was paid."""
    async with await psycopg.AsyncConnection.connect(DATABASE_URL) as connection:
        for table in ("orders", "stock", "payments"):
            columns = "order_id, cents" if table == "payments" else "*"
            async for row in await connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2"):  # noqa: S608 - ours
                print(table, *row)


async def main(command: str = "", *items: str) -> None:
    """Set the shop up, place orders, work on them, or show them."""
    if command == "setup":
        await setup()
    elif command == "place":
        for item in items:
            print("placed", await place(item))
    elif command == "work":
        await make_worker().serve()
    elif command == "show":
        await show()
    else:
        print(__doc__)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main(*sys.argv[1:]))
