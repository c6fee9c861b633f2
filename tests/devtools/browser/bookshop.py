"""The application that the page is shown with: orders of books, from the click to the parcel at the door."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from typing import Any

from cnstra import CNS, Axon, CNSPersistOptionsRegistry, DurableRunner, Neuron, Signal, collateral, neuron
from cnstra.core.context import HandlerContext

__all__ = ["CARD", "Bookshop", "Order"]

_logger = logging.getLogger("bookshop.bank")
CARD = "4929-1234-5678-9012"
"""What must never be seen on the page."""


@dataclass(frozen=True)
class Book:
    """A line of an order."""

    title: str
    price: float
    copies: int = 1


@dataclass(frozen=True)
class Order:
    """What somebody has ordered."""

    number: int
    customer: str = "ada@example.com"
    books: list[Book] = field(
        default_factory=lambda: [Book("The Dispossessed", 12.5), Book("Gödel, Escher, Bach", 24.0, 2)]
    )
    note: str = ""
    card_number: str = CARD


class CardRefusedError(Exception):
    """The bank said no."""


class BankError(Exception):
    """The bank said nothing that makes sense."""


def send(path: str) -> None:
    """Send a request to a bank that is closed."""
    raise TimeoutError(f"POST {path}: no answer after 30 s")


def ask_bank(order: Order) -> None:
    """Ask for the money."""
    _logger.warning("order %d costs %.2f", order.number, sum(book.price * book.copies for book in order.books))
    try:
        send(f"/v2/charges/{order.number}")
    except TimeoutError as error:
        _logger.error("the bank is closed, password=%s", CARD)  # noqa: TRY400 - its traceback is stored anyway
        raise BankError("the bank did not answer, tried 3 times") from error


class Bookshop:
    """One graph with its names.

    The note of an order says what happens to it: ``refuse`` fails its payment until `open_bank`, ``hold`` keeps it
    being packed until `release`, ``tell`` makes its invoice long.

    Args:
        pace: Seconds that a unit of work takes; with 0 everything happens at once.
        reminders: How many neurons remind customers.
        group: What their names begin with.
    """

    def __init__(self, pace: float = 0.0, reminders: int = 1, group: str = "") -> None:
        self._pace = pace
        self._reminders = [f"{group}reminder{n or ''}" for n in range(reminders)]
        self._hold = asyncio.Event()
        self._is_bank_open = False
        self.placed = collateral(Order, name="order_placed")
        self.cns, self.registry = self._built()

    def runner(self, store: Any, **options: Any) -> DurableRunner:
        """Return a runner of it."""
        return DurableRunner(self.cns, self.registry, store, handle_sigterm=False, **options)

    def order(self, number: int = 1, note: str = "", **rest: Any) -> Signal[Order]:
        """Return an order, which starts a run."""
        return self.placed.create_signal(Order(number, note=note, **rest))

    def release(self) -> None:
        """Let the orders go that are held."""
        self._hold.set()

    def hold_again(self) -> None:
        """Hold the orders that come from now on."""
        self._hold = asyncio.Event()

    def open_bank(self) -> None:
        """Let payments succeed from now on."""
        self._is_bank_open = True

    async def _work(self, units: float, order: Order) -> None:
        await asyncio.sleep(self._pace * units * (0.7 + order.number % 7 / 10))

    def _built(self) -> tuple[CNS[Any], CNSPersistOptionsRegistry]:  # noqa: C901, PLR0915 - nine neurons
        class StockAxon(Axon):
            """Knows what is on the shelves."""

            stock_reserved = collateral(Order)

        class PaymentAxon(Axon):
            """Talks to the bank, which must not be asked twice for one order."""

            payment_taken = collateral(Order)
            payment_postponed = collateral(Order)

        class ScreeningAxon(Axon):
            order_screened = collateral(Order)

        class FulfilmentAxon(Axon):
            """Waits until an order is reserved, paid and screened."""

            order_ready = collateral(Order)

        class PackingAxon(Axon):
            parcel_packed = collateral(Order)

        class InvoiceAxon(Axon):
            invoice_issued = collateral(dict[str, Any])

        class CourierAxon(Axon):
            parcel_shipped = collateral(Order)

        class MailAxon(Axon):
            mail_sent = collateral(str)

        stock = neuron(StockAxon, name="stock", concurrency=4)
        payment = neuron(PaymentAxon, name="payment", max_duration=60.0)
        screening = neuron(ScreeningAxon, name="screening")
        fulfilment = neuron(FulfilmentAxon, name="fulfilment")
        packing = neuron(PackingAxon, name="packing")
        invoice = neuron(InvoiceAxon, name="invoice")
        courier = neuron(CourierAxon, name="courier")
        mailer = neuron(MailAxon, name="mailer")
        reminders = [neuron({}, name=name) for name in self._reminders]

        @stock.dendrite(self.placed)
        async def reserve(order: Order, axon: StockAxon, ctx: HandlerContext[Any, Any]) -> Signal[Order]:
            """Put the books aside, for a day at most."""
            await self._work(2, order)
            ctx.set({"reserved": sum(book.copies for book in order.books)})
            return axon.stock_reserved.create_signal(order)

        @payment.dendrite(self.placed)
        async def charge(order: Order, axon: PaymentAxon) -> list[Signal[Order]]:
            """Take the money; the bank knows a charge by its idempotency key."""
            await self._work(5, order)
            if order.note == "refuse" and not self._is_bank_open:
                ask_bank(order)
            return [axon.payment_taken.create_signal(order)]

        @screening.dendrite(self.placed)
        async def screen(order: Order, axon: ScreeningAxon) -> Signal[Order]:
            await self._work(1, order)
            return axon.order_screened.create_signal(order)

        async def gather(order: Order, axon: FulfilmentAxon, ctx: HandlerContext[Any, Any]) -> Signal[Order] | None:
            """Count what has come; the third one makes the order ready."""
            known = ctx.get() or {"have": 0, "order": order.number}
            ctx.set({**known, "have": known["have"] + 1})
            return axon.order_ready.create_signal(order) if known["have"] == 2 else None

        fulfilment.dendrite([StockAxon.stock_reserved, PaymentAxon.payment_taken, ScreeningAxon.order_screened], gather)

        @packing.dendrite(FulfilmentAxon.order_ready)
        async def pack(order: Order, axon: PackingAxon) -> Signal[Order]:
            if order.note == "hold":
                await self._hold.wait()
            await self._work(6, order)
            return axon.parcel_packed.create_signal(replace(order, note="packed"))

        @invoice.dendrite(FulfilmentAxon.order_ready)
        async def issue(order: Order, axon: InvoiceAxon) -> Signal[dict[str, Any]]:
            await self._work(2, order)
            text = "\n".join(f"{n:>6}  {'lorem ipsum ' * 8}" for n in range(50_000)) if order.note == "tell" else ""
            lines = [{"title": book.title, "sum": book.price * book.copies} for book in order.books]
            return axon.invoice_issued.create_signal({"number": order.number, "lines": lines, "text": text})

        @courier.dendrite(PackingAxon.parcel_packed)
        async def ship(order: Order, axon: CourierAxon) -> Signal[Order]:
            await self._work(4, order)
            return axon.parcel_shipped.create_signal(order)

        async def post(payload: Any, axon: MailAxon) -> Signal[str]:
            """Tell the customer."""
            await asyncio.sleep(self._pace)
            return axon.mail_sent.create_signal("sent")

        mailer.dendrite([InvoiceAxon.invoice_issued, CourierAxon.parcel_shipped], post)
        for reminder in reminders:
            reminder.dendrite(PaymentAxon.payment_postponed, lambda order: None)

        neurons: list[Neuron[Any]] = [
            stock,
            payment,
            screening,
            fulfilment,
            packing,
            invoice,
            courier,
            mailer,
            *reminders,
        ]
        registry = CNSPersistOptionsRegistry().register_collateral("order_placed", self.placed)
        for one in neurons:
            registry.register(one.label, one)
        return CNS(neurons), registry
