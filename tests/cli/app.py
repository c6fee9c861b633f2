"""An application as a user writes one, for the commands to load; run ``hold`` waits in its first attempt."""

import asyncio
from pathlib import Path
from typing import Any

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, Signal, collateral, neuron
from cnstra.core.context import HandlerContext
from cnstra.workers import BrokerWorker, Delivery, JobHandler, Outcome, PolledSource

started = collateral(str, name="started")
doubled = collateral(str, name="doubled")
first = neuron({"doubled": doubled}, name="first")
second = neuron({}, name="second")


@first.dendrite(started)
async def double(word: str, axon: Any, ctx: HandlerContext[Any, Any]) -> Signal[str]:
    print("first", word, flush=True)  # noqa: T201 - the tests read it
    if word == "hold" and ctx.attempt_number == 1:
        await asyncio.Event().wait()
    if word == "slow":
        await asyncio.sleep(0.2)
    signal: Signal[str] = axon.doubled.create_signal(word * 2)
    return signal


@second.dendrite(doubled)
def show(word: str) -> None:
    print("second", word, flush=True)  # noqa: T201 - as above


def runner_of(store: Any, *, whole: bool = True, **options: Any) -> DurableRunner:
    """Return a runner of both neurons, or of the first one alone, as older code has it."""
    registry = CNSPersistOptionsRegistry().register("first", first).register_collateral("started", started)
    if whole:
        registry.register("second", second)
    return DurableRunner(CNS([first, second] if whole else [first]), registry, store, **options)


store = Path("runs.db")
runner = runner_of(store, grace=30.0, worker_id="pod-1")
registry = runner.registry


async def take() -> Delivery | None:
    for file in Path().glob("*.job"):  # noqa: ASYNC240 - a folder in place of a broker
        return Delivery(file.stem, file.read_text())
    return None


async def answer(delivery: Delivery, outcome: Outcome) -> None:
    print(delivery.job_id, type(outcome).__name__, flush=True)  # noqa: T201 - as above
    Path(f"{delivery.job_id}.job").unlink()  # noqa: ASYNC240 - the same


def on_a_broker() -> BrokerWorker:
    """Return a worker whose broker is a folder: a job is a file in it."""
    own = runner_of(store, grace=30.0, worker_id="pod-2", max_active_runs=0)
    handler = JobHandler(own)
    return BrokerWorker(PolledSource(handler, take, answer, at_once=1, idle=0.01), handler, own)


def on_a_broker_that_is_away() -> BrokerWorker:
    """Return a worker that does not find its broker."""

    class Away:
        async def run(self) -> None:
            raise ConnectionRefusedError("nobody listens")

        async def stop(self) -> None: ...

        async def close(self) -> None: ...

    return BrokerWorker(Away(), JobHandler(cns=runner.cns, registry=registry))


class Deployment:
    older = staticmethod(lambda: runner_of(store, whole=False))


async def made_later() -> DurableRunner:
    await asyncio.sleep(0)
    return runner_of(store, grace=0.01)


def fails() -> DurableRunner:
    raise ValueError("no settings")


def unreachable() -> DurableRunner:
    return runner_of("sqlite:////nowhere/at/all/runs.db")


def nothing() -> None:
    """Return nothing."""


def tidy() -> DurableRunner:
    return runner_of(store, retention=0.0)


def nameless() -> DurableRunner:
    registry = CNSPersistOptionsRegistry().register("first", first).register_collateral("started", started)
    return DurableRunner(CNS([first, second]), registry, store)
