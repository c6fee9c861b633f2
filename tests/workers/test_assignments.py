from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from cnstra import CNSPersistOptionsRegistry, PayloadError, UnknownName, afferent_path, collateral, modality
from cnstra.workers import Delivery, StimulationJob
from cnstra.workers.assignments import MAX_JOB_BYTES, Assignment, assignment_of


@dataclass(frozen=True)
class Order:
    number: int
    note: str = ""


placed = collateral(Order)
key = afferent_path()
registry = (
    CNSPersistOptionsRegistry()
    .register_collateral("placed", placed, version=2, upcast={1: lambda data: {"number": data["id"]}})
    .register_modality("keyboard", modality({"key": key}))
)
JOB = {"collateralName": "placed", "payload": {"number": 7}, "payloadVersion": 2}


def read(data: Any, job_id: str | None = "j", max_bytes: int = MAX_JOB_BYTES, **more: Any) -> Assignment:
    return assignment_of(Delivery(job_id, data, **more), registry, max_bytes)


@pytest.mark.parametrize("data", [JOB, StimulationJob.from_dict(JOB).to_json(), b'{"collateralName":"placed"}'])
def test_a_job_may_come_as_data_as_text_and_as_bytes(data: Any) -> None:
    if isinstance(data, bytes):
        data = StimulationJob.from_dict(JOB).to_json().encode()

    assert read(data).signal.payload == Order(7)


def test_the_id_of_the_broker_is_the_id_of_the_run() -> None:
    assert read(JOB, "job-1").stimulation_id == "job-1"


def test_an_id_that_the_job_brings_is_preferred() -> None:
    assert read({**JOB, "stimulationId": "order-7"}, "job-1").stimulation_id == "order-7"


def test_a_job_without_any_id_is_refused() -> None:
    with pytest.raises(PayloadError, match="give it a stimulation_id"):
        read(JOB, None)


@pytest.mark.parametrize("job_id", ["", "a\0b", "\ud800"])
def test_an_id_that_no_database_keeps_is_refused(job_id: str) -> None:
    with pytest.raises(PayloadError, match="a database keeps"):
        read(JOB, job_id)


def test_an_older_payload_is_brought_up_to_date() -> None:
    assert read({"collateralName": "placed", "payload": {"id": 7}}).signal.payload == Order(7)


def test_the_modality_and_its_path_are_found_by_name() -> None:
    assignment = read({**JOB, "modality": "keyboard", "afferentPath": "key"})

    assert assignment.modality is registry.get_modality("keyboard")
    assert assignment.afferent_path is key


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"collateralName": "plased"}, "did you mean 'placed'"),
        ({"modality": "mouse"}, "modality 'mouse' is not registered"),
        ({"modality": "keyboard", "afferentPath": "wheel"}, "wheel"),
    ],
)
def test_an_unknown_name_is_refused(change: Mapping[str, Any], problem: str) -> None:
    with pytest.raises(UnknownName, match=problem):
        read({**JOB, **change})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"payload": {"number": "seven"}}, r"Expected `int`, got `str` \(at \$\.number\)"),
        ({"payload": None}, "Expected `object`, got `null`"),
        ({"payload": {"number": 7, "colour": "red"}}, r"at \$\.colour"),
        ({"payloadVersion": 3}, "written by newer code as version 3"),
        ({"formatVersion": "2.0"}, "written by newer code in format 2.0"),
    ],
)
def test_a_payload_of_another_type_or_time_is_refused(change: Mapping[str, Any], problem: str) -> None:
    with pytest.raises(PayloadError, match=problem):
        read({**JOB, **change})


LARGE = StimulationJob.from_dict({**JOB, "payload": {"number": 7, "note": "\N{SNOWMAN}" * 400}})


@pytest.mark.parametrize(
    "data", [LARGE.to_dict(), LARGE.to_json(), LARGE.to_json().encode()], ids=["data", "text", "bytes"]
)
def test_a_job_that_is_too_large_is_refused_by_its_size(data: Any) -> None:
    assert len(LARGE.to_json()) < 1000
    with pytest.raises(PayloadError, match=r"1,\d\d\d bytes are more than max_job_bytes=1,000"):
        read(data, max_bytes=1000)


def test_a_size_that_the_broker_knows_is_not_measured_again() -> None:
    with pytest.raises(PayloadError, match="20,000,000 bytes"):
        read(JOB, size=20_000_000)


def test_data_that_are_no_json_are_refused() -> None:
    with pytest.raises(PayloadError, match="not plain JSON data"):
        read({**JOB, "payload": {1, 2}.__iter__()})
