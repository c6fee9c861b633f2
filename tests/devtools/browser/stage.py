"""A shop at work behind the DevTools: a runner with an event loop of its own, a server, and a store on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from cnstra import DurableRunner
from cnstra.devtools import Address, serve
from cnstra.errors import StimulationFailed
from cnstra.persist.commands import CommandKind
from cnstra.persist.records import RunStatus
from tests.devtools.browser.bookshop import Bookshop, Order
from tests.servers.processes import free_port

__all__ = ["TOKEN", "Stage", "staged"]

T = TypeVar("T")
TOKEN = "a-token-of-the-tests"


@dataclass
class Stage:
    """What a test may do behind the page.

    Attributes:
        shop: The application.
        runner: Does its runs.
        address: Where the DevTools are.
    """

    shop: Bookshop
    runner: DurableRunner
    store_url: str
    port: int
    _portal: BlockingPortal
    _server: ExitStack = field(default_factory=ExitStack)
    address: Address = field(init=False)

    def __post_init__(self) -> None:
        self.start_server()

    def start_server(self, *, read_only: bool = False) -> None:
        """Serve the DevTools on the port that they had before."""
        tools = serve(
            self.store_url,
            port=self.port,
            token=TOKEN,
            quiet=True,
            cns=self.shop.cns,
            registry=self.shop.registry,
            read_only=read_only,
        )
        self.address = self._server.enter_context(tools)

    def stop_server(self) -> None:
        """Stop serving them; the shop goes on."""
        self._server.close()

    def stop_working(self) -> None:
        """Have no worker any more; the DevTools stay."""
        self.call(self.runner.close)

    def work_again(self) -> None:
        """Have a worker again, as after a restart of the application."""
        self.runner = self.call(_opened, self.shop, self.store_url)

    def call(self, act: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Do something where the runner is."""
        return self._portal.call(act, *arguments)

    def sell(self, name: str, note: str = "", **rest: Any) -> None:
        """Start a run and wait for its end, however it ends."""
        self.call(self._sell, name, note, rest)

    def begin(self, name: str, note: str = "", **rest: Any) -> None:
        """Start a run."""
        self.call(self._begin, name, note, rest)

    def enqueue(self, name: str, *, delay: float) -> None:
        """Store a run that is due later."""

        async def act() -> None:
            await self.runner.enqueue(self.shop.order(), stimulation_id=name, delay=delay)

        self.call(act)

    def retry(self, name: str) -> None:
        """Retry a run and wait for its end, however it ends."""

        async def act() -> None:
            with suppress(StimulationFailed):
                await (await self.runner.retry(name))

        self.call(act)

    def order(self, kind: CommandKind, name: str) -> None:
        """Order something to be done to a run, as another person, and wait for what comes of it."""

        async def act() -> None:
            told = await self.runner.order(kind, name, actor="ada")
            while told.status in {"waiting", "taken"}:
                await asyncio.sleep(0.02)
                told = await self.runner.command(told.key) or told

        self.call(act)

    def wait(self, name: str, status: RunStatus, attempts: int) -> None:
        """Wait until an attempt of a run has ended so."""

        async def act() -> None:
            wanted = (status, attempts)
            while not (run := await self.runner.get(name)) or (run.status, run.attempt_number) != wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

        self.call(act)

    def clone(self, name: str, new_name: str) -> None:
        """Clone a run and wait for the clone."""

        async def act() -> None:
            await (await self.runner.clone(name, new_id=new_name))

        self.call(act)

    async def _begin(self, name: str, note: str, rest: dict[str, Any]) -> Any:
        number, volume = rest.pop("number", 1), rest.pop("volume", None)
        metadata = {"source": "web", "session_id": "s-81-secret"}
        signal = self.shop.placed.create_signal(Order(number, note=note, **rest))
        return [await self.runner.stimulate(signal, stimulation_id=name, metadata=metadata, volume=volume)]

    async def _sell(self, name: str, note: str, rest: dict[str, Any]) -> None:
        [run] = await self._begin(name, note, rest)
        with suppress(StimulationFailed):
            await run


@contextmanager
def staged(folder: Path, shop: Bookshop) -> Iterator[Stage]:
    """Set a stage whose store is in *folder*."""
    url = f"sqlite:///{folder}/shop.db"
    with start_blocking_portal() as portal:
        runner = portal.call(_opened, shop, url)
        stage = Stage(shop, runner, url, free_port(), portal)
        try:
            yield stage
        finally:
            stage.stop_server()
            portal.call(shop.release)
            portal.call(stage.runner.close)


async def _opened(shop: Bookshop, url: str) -> DurableRunner:
    runner = shop.runner(url, worker_id="shop-1")
    await runner.open()
    return runner
