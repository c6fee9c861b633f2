"""``cnstra enqueue``: a run for whichever worker takes it, by way of a broker or of a store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, final

import typer

from cnstra.cli import payloads
from cnstra.cli.ending import CommandError, Exit, run
from cnstra.cli.loading import load_registry
from cnstra.cli.producers import Order, produce, read_address
from cnstra.core.signals import Signal
from cnstra.durable import DurableRunner
from cnstra.errors import RunExists
from cnstra.persist.registry import CNSPersistOptionsRegistry
from cnstra.workers import stimulation_job

__all__ = ["command"]


@final
@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says, besides what the run begins with."""

    job_id: str | None
    delay: float
    priority: int | None
    key: str | None
    broker: str | None
    queue: str | None
    store: str | None


def command(
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:REGISTRY", help="A registry, a DurableRunner, or a function that makes one of them."
        ),
    ],
    collateral: Annotated[str, typer.Argument(help="The registered name of the collateral to stimulate.")],
    payload: Annotated[
        str, typer.Argument(help="JSON; @FILE reads it from a file, and - from standard input.")
    ] = "null",
    *,
    broker: Annotated[
        str | None, typer.Option(help="Where the job goes, such as bullmq+redis://localhost:6379/0?queue=imports.")
    ] = None,
    queue: Annotated[
        str | None, typer.Option(help="The queue of the broker, instead of the one in its address.")
    ] = None,
    store: Annotated[
        str | None, typer.Option(help="A store that the run is enqueued in, instead of the runner's own.")
    ] = None,
    job_id: Annotated[
        str | None, typer.Option("--id", help="The id of the job and of its run; made unless given.")
    ] = None,
    delay: Annotated[float, typer.Option(min=0.0, help="Seconds before it may be taken.")] = 0.0,
    priority: Annotated[
        int | None, typer.Option(help="Among what waits: in a store the highest goes first; a broker has its own way.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="What the run is limited by, in a store: a customer, say.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say what was done as JSON.")] = False,
    directory: Annotated[Path, typer.Option("--dir", help="Where to look for the module first.")] = Path(),
) -> None:
    """Have a worker run what a signal begins; the payload is checked before anything is sent.

    With --broker the job goes to a queue. Without, MODULE:RUNNER names a runner, and the run waits in its store.

    Exits with 0 if it is enqueued, with 1 if the store has a run of this id already, and with 4 if the broker has not
    taken it.
    """
    wish = Wish(job_id, delay, priority, key, broker, queue, store)
    run(_enqueue(target, directory.resolve(), collateral, payload, wish, as_json=as_json))


async def _enqueue(target: str, directory: Path, collateral: str, payload: str, wish: Wish, *, as_json: bool) -> Exit:
    if wish.broker is not None and wish.store is not None:
        raise CommandError("a job goes to a broker or to a store; say --broker or --store, not both")
    if wish.broker is not None and wish.key is not None:
        raise CommandError("a broker limits in its own way; --key goes with a store")
    found = await load_registry(target, directory)
    registry = found.registry if isinstance(found, DurableRunner) else found
    signal = _signal(registry, collateral, payload)
    if wish.broker is not None:
        job_id, place = await _to_broker(registry, signal, wish, wish.broker)
    elif isinstance(found, DurableRunner):
        job_id, place = await _to_store(found, signal, wish)
    else:
        raise CommandError(_no_place(target, wish))
    _tell(job_id, collateral, place, as_json=as_json)
    return Exit.DONE


def _signal(registry: CNSPersistOptionsRegistry, name: str, payload: str) -> Signal[Any]:
    collateral = registry.require_collateral(name)
    return collateral.create_signal(payloads.decode(registry, collateral, payloads.read(payload)))


async def _to_broker(
    registry: CNSPersistOptionsRegistry, signal: Signal[Any], wish: Wish, broker: str
) -> tuple[str, dict[str, str]]:
    address = read_address(broker, wish.queue)
    job = stimulation_job(registry, signal, stimulation_id=wish.job_id)
    job_id = await produce(address, Order(job, wish.delay, wish.priority))
    return job_id, {"broker": address.broker, "queue": address.queue}


async def _to_store(runner: DurableRunner, signal: Signal[Any], wish: Wish) -> tuple[str, dict[str, str]]:
    if wish.queue is not None:
        raise CommandError("a store has no queues; --queue goes with --broker")
    async with runner.observer(wish.store) as producer:
        try:
            run = await producer.enqueue(
                signal,
                stimulation_id=wish.job_id,
                delay=wish.delay or None,
                priority=wish.priority or 0,
                key=wish.key,
                on_conflict="raise",
            )
        except RunExists as error:
            raise CommandError(str(error), Exit.NO) from error
        return run.stimulation_id, {"store": producer.store.label}


def _no_place(target: str, wish: Wish) -> str:
    if wish.store is None:
        return f"{target} is a registry, so say where the job goes: --broker URL; or name a runner, which has a store"
    return (
        f"{target} is a registry; to put a run into a store, name a runner, which knows the neurons that it begins with"
    )


def _tell(job_id: str, collateral: str, place: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"id": job_id, "collateral": collateral, **place}))
    elif "queue" in place:
        typer.echo(f"job {job_id} is in queue {place['queue']} of {place['broker']}")
    else:
        typer.echo(f"run {job_id} waits in {place['store']}")
