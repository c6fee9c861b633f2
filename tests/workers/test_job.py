import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra import (
    CNSPersistOptionsRegistry,
    GraphError,
    PayloadError,
    UnknownName,
    afferent_path,
    collateral,
    modality,
)
from cnstra.workers import JOB_NAME, StimulationJob, stimulation_job


@dataclass(frozen=True)
class Placed:
    order: int
    day: date


placed = collateral(Placed, name="placed")
click = afferent_path()
pointer = modality({"click": click})
registry = CNSPersistOptionsRegistry().register_collateral("order-placed", placed).register_modality("pointer", pointer)
signal = placed.create_signal(Placed(7, date(2026, 5, 1)))

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
counts = st.integers(min_value=1)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
jobs = st.builds(
    StimulationJob,
    collateral_name=texts,
    payload=plain,
    payload_version=counts,
    max_neuron_hops=st.none() | counts,
    concurrency=st.none() | counts,
    durability=st.sampled_from([None, "hop", "interval", "exit"]),
    volume=st.sampled_from([None, "progress", "full"]),
    modality=st.none() | texts,
    afferent_path=st.none() | texts,
    metadata=st.dictionaries(texts, plain, max_size=3),
    stimulation_id=st.none() | texts,
    format_version=st.sampled_from(["1", "1.0", "1.7"]),
)


def problem_of(data: Any) -> str:
    """Return what is wrong with the data of a job."""
    with pytest.raises(PayloadError) as raised:
        StimulationJob.from_dict(data)
    return str(raised.value)


def test_a_job_says_what_to_stimulate_by_name() -> None:
    job = stimulation_job(registry, signal)

    assert job.to_dict() == {
        "collateralName": "order-placed",
        "payload": {"order": 7, "day": "2026-05-01"},
        "formatVersion": "1.0",
    }


def test_a_job_takes_its_options_with_it() -> None:
    job = stimulation_job(
        registry,
        signal,
        stimulation_id="order-7",
        durability="interval",
        volume="progress",
        concurrency=3,
        max_neuron_hops=9,
        modality=pointer,
        afferent_path=click,
        metadata={"tenant": "north"},
    )

    assert {key: value for key, value in job.to_dict().items() if key not in {"collateralName", "payload"}} == {
        "stimulationId": "order-7",
        "durability": "interval",
        "volume": "progress",
        "concurrency": 3,
        "maxNeuronHops": 9,
        "modality": "pointer",
        "afferentPath": "click",
        "metadata": {"tenant": "north"},
        "formatVersion": "1.0",
    }


def test_a_job_has_the_version_of_its_payload() -> None:
    newer = collateral(Placed)
    names = CNSPersistOptionsRegistry().register_collateral("placed", newer, version=3)

    assert stimulation_job(names, newer.create_signal(signal.payload)).to_dict()["payloadVersion"] == 3


def test_the_name_of_jobs_is_that_of_the_original() -> None:
    assert JOB_NAME == "cns-stimulation"


def test_a_job_of_the_original_is_a_job() -> None:
    job = StimulationJob.from_dict({"collateralName": "input", "payload": {"id": 1}, "maxNeuronHops": None})

    assert job == StimulationJob("input", {"id": 1})


@given(jobs)
def test_a_job_comes_back_as_it_was(job: StimulationJob) -> None:
    assert StimulationJob.from_json(job.to_json()) == job
    assert StimulationJob.from_json(job.to_json().encode()) == job
    assert StimulationJob.from_dict(job.to_dict()) == job


def test_what_a_newer_minor_version_adds_is_passed_over() -> None:
    job = StimulationJob.from_dict({"collateralName": "input", "formatVersion": "1.9", "colour": "red"})

    assert job == StimulationJob("input", format_version="1.9")


def test_a_newer_major_version_is_refused() -> None:
    assert "newer code in format 2.0; this code reads 1.x" in problem_of(
        {"collateralName": "input", "formatVersion": "2.0"}
    )


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ([], "a job is an object, not []"),
        ({}, "the key 'collateralName' is missing"),
        ({"collateralName": ""}, "$.collateralName"),
        ({"collateralName": 7}, "$.collateralName"),
        ({"collateralName": "\ud800"}, "$.collateralName"),
        ({"collateralName": "c", "payloadVersion": True}, "$.payloadVersion"),
        ({"collateralName": "c", "maxNeuronHops": 0}, "$.maxNeuronHops"),
        ({"collateralName": "c", "concurrency": 1.5}, "$.concurrency"),
        ({"collateralName": "c", "durability": "sometimes"}, "'hop', 'interval', 'exit', not 'sometimes'"),
        ({"collateralName": "c", "volume": ["full"]}, "$.volume"),
        ({"collateralName": "c", "metadata": []}, "this must be an object, not []"),
        ({"collateralName": "c", "stimulationId": "a\0"}, "$.stimulationId"),
        ({"collateralName": "c", "formatVersion": 1}, "this must be text such as '1.0', not 1"),
        ({"collateralName": "c", "formatVersion": "one"}, "$.formatVersion"),
    ],
)
def test_a_malformed_job_is_refused_with_the_place(data: Any, problem: str) -> None:
    assert problem in problem_of(data)


@pytest.mark.parametrize("text", ["{", b"\xff", '{"a": 1, "a": 2}', '{"a": NaN}', "[" * 100_000])
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(PayloadError, match="job: "):
        StimulationJob.from_json(text)


def test_an_unregistered_collateral_has_no_job() -> None:
    with pytest.raises(UnknownName, match="register"):
        stimulation_job(CNSPersistOptionsRegistry(), signal)


def test_an_unregistered_modality_has_no_job() -> None:
    names = CNSPersistOptionsRegistry().register_collateral("order-placed", placed)

    with pytest.raises(UnknownName, match="register_modality"):
        stimulation_job(names, signal, modality=pointer)


@pytest.mark.parametrize(
    "options",
    [
        {"max_neuron_hops": 0},
        {"concurrency": -1},
        {"durability": "never"},
        {"volume": "half"},
        {"afferent_path": click},
        {"stimulation_id": ""},
    ],
    ids=lambda options: next(iter(options)),
)
def test_an_option_that_makes_no_sense_is_refused_by_the_producer(options: Mapping[str, Any]) -> None:
    with pytest.raises(GraphError):
        stimulation_job(registry, signal, **options)


@pytest.mark.parametrize("metadata", [{"at": date(2026, 5, 1)}, {"pair": (1, 2)}, {7: "seven"}, {"x": float("nan")}])
def test_metadata_that_json_would_change_are_refused(metadata: Any) -> None:
    with pytest.raises(PayloadError):
        stimulation_job(registry, signal, metadata=metadata)


def test_a_job_made_by_hand_of_what_is_no_json_cannot_be_written() -> None:
    with pytest.raises(PayloadError, match="not plain JSON data"):
        replace(stimulation_job(registry, signal), payload=date(2026, 5, 1)).to_json()


def test_the_text_of_a_job_keeps_its_characters() -> None:
    assert json.loads(StimulationJob("c", "é ☃ \U0001f600").to_json())["payload"] == "é ☃ \U0001f600"
