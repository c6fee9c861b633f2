"""The format of a job, as a JSON schema: what other languages go by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cnstra.workers.job import JOB_FORMAT

__all__ = ["JOB_SCHEMA"]

_COUNT: Final = {"type": ["integer", "null"], "minimum": 1}
_NAME: Final = {"type": ["string", "null"], "pattern": "^[^\\u0000]+$"}

JOB_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Stimulation job",
    "description": "A run to be started by whatever worker takes the job.",
    "type": "object",
    "required": ["collateralName"],
    "additionalProperties": True,
    "properties": {
        "collateralName": {
            "type": "string",
            "pattern": "^[^\\u0000]+$",
            "description": "Registered name of the collateral to stimulate.",
        },
        "payload": {"description": "What the signal carries: any JSON value; null if it is left out."},
        "payloadVersion": {
            **_COUNT,
            "default": 1,
            "description": "Version of the collateral's payload that it was written in.",
        },
        "maxNeuronHops": {**_COUNT, "description": "How often each neuron may be activated."},
        "concurrency": {**_COUNT, "description": "How many handlers of the run may be active at once."},
        "durability": {
            "enum": ["hop", "interval", "exit", None],
            "description": "When hops are committed; the worker's own setting if it is left out.",
        },
        "volume": {
            "enum": ["progress", "full", None],
            "description": "How much history is kept; the worker's own setting if it is left out.",
        },
        "modality": {**_NAME, "description": "Registered name of the modality that the run carries."},
        "afferentPath": {**_NAME, "description": "Name of its path in that modality."},
        "metadata": {"type": ["object", "null"], "description": "Data that handlers can read, and lists show."},
        "stimulationId": {
            **_NAME,
            "description": "The id of the run; the broker's id of the job if it is left out.",
        },
        "formatVersion": {
            "type": ["string", "null"],
            "pattern": "^1(\\.[0-9]+)?$",
            "default": JOB_FORMAT,
            "description": "Version of this format. A newer minor version may bring further keys; pass over them.",
        },
    },
}
"""JSON Schema (draft 2020-12) of what `StimulationJob.to_dict` returns and `StimulationJob.from_dict` takes."""
