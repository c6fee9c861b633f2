"""The job that travels through a broker: the name of a collateral, a payload, and how to run it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Self, final, get_args

from cnstra.core.options import StimulationOptions
from cnstra.durable.arguments import checked_id, one_of
from cnstra.durable.run_options import named_route
from cnstra.errors import PayloadError
from cnstra.persist.parts import short
from cnstra.persist.reading import MAX_DEPTH, depth_of, parse
from cnstra.persist.records import Durability, Volume

if TYPE_CHECKING:
    from cnstra.core.modality import AfferentPath, Modality
    from cnstra.core.signals import Signal
    from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["JOB_FORMAT", "JOB_NAME", "StimulationJob", "require_fitting", "stimulation_job"]

JOB_NAME: Final = "cns-stimulation"
"""What jobs are called in a broker that names them; the TypeScript original has the same name."""

JOB_FORMAT: Final = "1.0"
"""The version of the format that is written. A reader takes any minor version of its own major version."""

_WHERE: Final = "job"
_VERSION: Final = re.compile(r"([1-9][0-9]{0,8})(\.[0-9]+)?")


@final
@dataclass(frozen=True, slots=True)
class StimulationJob:
    """A run to be started by whatever process takes the job, as JSON-safe data.

    As JSON it is an object with the keys of `JOB_SCHEMA`, in camel case: ``{"collateralName": "importStarted",
    "payload": {"import_id": "1"}, "formatVersion": "1.0"}``. The TypeScript original reads and writes the same keys, as
    far as it knows them.

    Attributes:
        collateral_name: Registered name of the collateral to stimulate.
        payload: JSON data.
        payload_version: Version of the collateral's payload that it was written in.
        max_neuron_hops: As in `DurableRunner.stimulate`, like the next three.
        concurrency: How many bodies of the run may be active at once.
        durability: When its hops are committed; ``None`` leaves that to the runner.
        volume: How much history is kept; ``None`` leaves that to the runner.
        modality: Registered name of the modality that the run carries.
        afferent_path: Name of its path in that modality.
        metadata: JSON data, ``ctx.metadata``.
        stimulation_id: The id of the run, for brokers whose job ids do not outlive a redelivery, or for jobs that may
            be produced twice; ``None`` makes the broker's id of the job the id of the run.
        format_version: Of the format that it was written in.
    """

    collateral_name: str
    payload: Any = None
    payload_version: int = 1
    max_neuron_hops: int | None = None
    concurrency: int | None = None
    durability: Durability | None = None
    volume: Volume | None = None
    modality: str | None = None
    afferent_path: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    stimulation_id: str | None = None
    format_version: str = JOB_FORMAT

    def to_dict(self) -> dict[str, Any]:
        """Return the job as JSON-safe data, without what is not given."""
        data: dict[str, Any] = {"collateralName": self.collateral_name, "payload": self.payload}
        for name, key in _KEYS.items():
            value = getattr(self, name)
            if key not in data and value is not None and value != _UNSAID.get(name):
                data[key] = dict(value) if name == "metadata" else value
        return data

    def to_json(self) -> str:
        """Return the job as JSON text.

        Raises:
            PayloadError: If it was made by hand of something that is not JSON data.
        """
        try:
            return json.dumps(self.to_dict(), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise PayloadError(_WHERE, "$", f"not plain JSON data ({error})") from error

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the job that *data* holds; keys that this code does not know are passed over.

        Raises:
            PayloadError: If it is no job, or one of a newer format than this code knows.
        """
        if not isinstance(data, Mapping):
            raise PayloadError(_WHERE, "$", f"a job is an object, not {short(data)}")
        _require_format(JOB_FORMAT if data.get("formatVersion") is None else data["formatVersion"])
        if data.get("collateralName") is None:
            raise PayloadError(_WHERE, "$", "the key 'collateralName' is missing")
        given = {_NAMES[key]: value for key, value in data.items() if value is not None and key in _NAMES}
        for name, value in given.items():
            require_fitting(name, value)
        return cls(**given)

    @classmethod
    def from_json(cls, text: str | bytes | bytearray) -> Self:
        """Return the job that *text* holds.

        Raises:
            PayloadError: If it is no JSON, or no job.
        """
        try:
            raw = text.encode() if isinstance(text, str) else bytes(text)
            if depth_of(raw) > MAX_DEPTH:
                raise PayloadError(_WHERE, "$", f"nested deeper than {MAX_DEPTH} levels")
            data = parse(raw)
        except (ValueError, RecursionError) as error:
            if isinstance(error, PayloadError):
                raise
            raise PayloadError(_WHERE, "$", f"not JSON ({error})") from error
        return cls.from_dict(data)


def stimulation_job(
    registry: CNSPersistOptionsRegistry,
    signal: Signal[Any],
    *,
    stimulation_id: str | None = None,
    durability: Durability | None = None,
    volume: Volume | None = None,
    concurrency: int | None = None,
    max_neuron_hops: int | None = None,
    modality: Modality | None = None,
    afferent_path: AfferentPath | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> StimulationJob:
    """Make a job of a signal: any worker that knows its collateral by the same name can run it.

    Args:
        registry: Has the name of the collateral.
        signal: What the run starts with.
        stimulation_id: The id of the run; left out, it is the broker's id of the job.
        durability: Instead of the worker's runner's.
        volume: Instead of the worker's runner's.
        concurrency: How many bodies of the run may be active at once.
        max_neuron_hops: How often each neuron may be activated.
        modality: Which modality the run carries; registered.
        afferent_path: Which path of that modality.
        metadata: JSON data that is stored with the run: ``ctx.metadata``.

    Raises:
        UnknownName: If the collateral, or the modality, is not registered.
        PayloadError: If the payload or the metadata would not come back unchanged.
        GraphError: If an option makes no sense.
    """
    StimulationOptions(  # which refuses what makes no sense
        concurrency=concurrency, max_neuron_hops=max_neuron_hops, modality=modality, afferent_path=afferent_path
    )
    if durability is not None:
        one_of(durability, Durability, "durability")
    if volume is not None:
        one_of(volume, Volume, "volume")
    name = registry.require_collateral_name(signal.collateral)
    version, payload = registry.dump_payload(signal.collateral, signal.payload)
    modality_name, path_name = named_route(registry, modality, afferent_path)
    job = StimulationJob(
        collateral_name=name,
        payload=payload,
        payload_version=version,
        max_neuron_hops=max_neuron_hops,
        concurrency=concurrency,
        durability=durability,
        volume=volume,
        modality=modality_name,
        afferent_path=path_name,
        metadata=dict(metadata or {}),
        stimulation_id=None if stimulation_id is None else checked_id(stimulation_id),
    )
    if metadata and StimulationJob.from_json(job.to_json()) != job:
        raise PayloadError("metadata", "$", "JSON would change it; use strings as keys, and lists instead of tuples")
    return job


_UNSAID: Final[Mapping[str, Any]] = {"payload_version": 1, "metadata": {}}
"""What is not written where it says nothing."""

_KEYS: Final[Mapping[str, str]] = {
    one.name: one.name.split("_")[0] + "".join(part.title() for part in one.name.split("_")[1:])
    for one in fields(StimulationJob)
}
"""Attribute to key."""
_NAMES: Final = {key: name for name, key in _KEYS.items()}


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != "" and not _UNSTORABLE.search(value)


def _one_of(literal: Any) -> tuple[Callable[[object], bool], str]:
    allowed = get_args(literal)
    return lambda value: value in allowed, f"one of {', '.join(map(repr, allowed))}"


_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
"""What no database keeps in a name: NUL, and half of a surrogate pair."""

_COUNT: Final = (_is_count, "a whole number of 1 or more")
_NAME: Final = (_is_name, "a string that is not empty, of characters that a database keeps")
_CHECKS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "payload_version": _COUNT,
    "max_neuron_hops": _COUNT,
    "concurrency": _COUNT,
    "durability": _one_of(Durability),
    "volume": _one_of(Volume),
    "metadata": (lambda value: isinstance(value, Mapping), "an object"),
    "payload": (lambda value: True, "any data"),  # noqa: ARG005 - its type is the collateral's business
}
"""Attribute to what its value must be, where that is not a name."""


def require_fitting(name: str, value: Any) -> None:
    """Refuse a value that the attribute *name* of a job cannot have.

    Raises:
        PayloadError: If it is one.
    """
    is_fitting, wanted = _CHECKS.get(name, _NAME)
    if not is_fitting(value):
        raise PayloadError(_WHERE, f"$.{_KEYS[name]}", f"this must be {wanted}, not {short(value)}")


def _require_format(version: object) -> None:
    """Refuse a job of another major version than this code writes.

    Raises:
        PayloadError: If it is one, or the version cannot be read.
    """
    if version == JOB_FORMAT:
        return
    read = _VERSION.fullmatch(version) if isinstance(version, str) else None
    if read is None:
        raise PayloadError(_WHERE, "$.formatVersion", f"this must be text such as {JOB_FORMAT!r}, not {short(version)}")
    major, ours = int(read[1]), int(JOB_FORMAT.partition(".")[0])
    if major > ours:
        problem = f"written by newer code in format {version}; this code reads {ours}.x: deploy the newer code"
        raise PayloadError(_WHERE, "$.formatVersion", problem)
