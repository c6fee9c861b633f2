"""Reading a delivery: from what a broker hands over to a signal that can be stimulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

import msgspec

from cnstra.durable.run_options import RunOptions
from cnstra.errors import PayloadError
from cnstra.workers.job import StimulationJob, require_fitting

if TYPE_CHECKING:
    from cnstra.core.modality import AfferentPath, Modality
    from cnstra.core.signals import Signal
    from cnstra.persist.registry import CNSPersistOptionsRegistry
    from cnstra.workers.deliveries import Delivery

__all__ = ["MAX_JOB_BYTES", "Assignment", "assignment_of"]

MAX_JOB_BYTES: Final = 16 * 1024 * 1024
"""The default of the largest job that is run."""


@final
@dataclass(frozen=True, slots=True)
class Assignment:
    """A job that was read, and that this worker can run.

    Attributes:
        stimulation_id: The id of its run.
        job: The job.
        signal: What the run starts with.
        modality: Which modality it carries.
        afferent_path: Which path of that modality.
        delivery: Where it came from.
    """

    stimulation_id: str
    job: StimulationJob
    signal: Signal[Any]
    modality: Modality | None
    afferent_path: AfferentPath | None
    delivery: Delivery


def assignment_of(delivery: Delivery, registry: CNSPersistOptionsRegistry, max_bytes: int) -> Assignment:
    """Return what *delivery* asks for.

    Args:
        delivery: What the broker has handed over.
        registry: Has the names of this worker's graph.
        max_bytes: The largest job that is taken.

    Raises:
        PayloadError: If it is no job, is too large, was written by newer code, or its payload is of the wrong type.
        UnknownName: If the job names a collateral, a modality or a path that this worker does not know.
    """
    _require_size(delivery, max_bytes)
    data = delivery.data
    job = StimulationJob.from_dict(data) if isinstance(data, Mapping) else StimulationJob.from_json(data)
    stimulation_id = job.stimulation_id or delivery.job_id
    if stimulation_id is None:
        raise PayloadError("job", "$", "neither the broker nor the job has an id: give it a stimulation_id")
    require_fitting("stimulation_id", stimulation_id)
    collateral = registry.require_collateral(job.collateral_name)
    payload = registry.decode_payload(collateral, job.payload_version, _encoded(job.payload))
    modality, path = RunOptions(modality=job.modality, afferent_path=job.afferent_path).route(registry)
    return Assignment(
        stimulation_id=stimulation_id,
        job=job,
        signal=collateral.create_signal(payload),
        modality=modality,
        afferent_path=path,
        delivery=delivery,
    )


def _require_size(delivery: Delivery, max_bytes: int) -> None:
    size = _size_of(delivery)
    if size > max_bytes:
        problem = f"{size:,} bytes are more than max_job_bytes={max_bytes:,}"
        raise PayloadError("job", "$", f"{problem}: store the bulk elsewhere and send a reference, or raise the limit")


def _size_of(delivery: Delivery) -> int:
    data = delivery.data
    if delivery.size is not None:
        return delivery.size
    if isinstance(data, str):
        return len(data) if data.isascii() else len(data.encode("utf-8", "surrogatepass"))
    if isinstance(data, (bytes, bytearray)):
        return len(data)
    return len(_encoded(data))


def _encoded(data: Any) -> bytes:
    try:
        return msgspec.json.encode(data)
    except (TypeError, ValueError, RecursionError) as error:
        raise PayloadError("job", "$", f"not plain JSON data ({error})") from error
