"""Putting jobs where workers find them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from cnstra.durable.identity import new_stimulation_id
from cnstra.workers.job import StimulationJob, stimulation_job

if TYPE_CHECKING:
    from cnstra.core.modality import AfferentPath, Modality
    from cnstra.core.signals import Signal
    from cnstra.persist.records import Durability, Volume
    from cnstra.persist.registry import CNSPersistOptionsRegistry
    from cnstra.workers.faststream.ports import Broker, BrokerT, Place

__all__ = ["enqueue", "enqueue_job"]

_connecting: WeakKeyDictionary[Broker, asyncio.Lock] = WeakKeyDictionary()


async def enqueue(
    broker: BrokerT,
    registry: CNSPersistOptionsRegistry,
    signal: Signal[Any],
    *,
    to: Place[BrokerT],
    stimulation_id: str | None = None,
    durability: Durability | None = None,
    volume: Volume | None = None,
    concurrency: int | None = None,
    max_neuron_hops: int | None = None,
    modality: Modality | None = None,
    afferent_path: AfferentPath | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> str:
    """Make a job of a signal, have the broker store it, and return the id of its run.

    Args:
        broker: Of FastStream; it is connected if it is not.
        registry: Has the name of the signal's collateral.
        signal: What the run starts with.
        to: Where the job is put.
        stimulation_id: The id of the run; a job that is put there twice has one run. One is made if it is left out.
        durability: Like all that follows, as in `stimulation_job`.
        volume: How much history is kept.
        concurrency: How many bodies of the run may be active at once.
        max_neuron_hops: How often each neuron may be activated.
        modality: Which modality the run carries; registered.
        afferent_path: Which path of that modality.
        metadata: JSON data that is stored with the run: ``ctx.metadata``.

    Raises:
        UnknownName: If the collateral, or the modality, is not registered.
        PayloadError: If the payload or the metadata would not come back unchanged, or is more than the broker takes.
        GraphError: If an option makes no sense.
    """
    job = stimulation_job(
        registry,
        signal,
        stimulation_id=stimulation_id,
        durability=durability,
        volume=volume,
        concurrency=concurrency,
        max_neuron_hops=max_neuron_hops,
        modality=modality,
        afferent_path=afferent_path,
        metadata=metadata,
    )
    return await enqueue_job(broker, job, to=to)


async def enqueue_job(broker: BrokerT, job: StimulationJob, *, to: Place[BrokerT]) -> str:
    """Have the broker store a job that is made already, and return the id of its run.

    Args:
        broker: Of FastStream; it is connected if it is not.
        job: By `stimulation_job`, say.
        to: Where the job is put.

    Raises:
        PayloadError: If it is more than the broker takes.
    """
    job_id = job.stimulation_id or new_stimulation_id()
    async with _connecting.setdefault(broker, asyncio.Lock()):  # or each of many at once makes a connection of its own
        await broker.connect()
    await to.publish(broker, job.to_json().encode(), job_id)
    return job_id
