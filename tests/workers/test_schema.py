import json
import re
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cnstra import PayloadError
from cnstra.workers import JOB_SCHEMA, StimulationJob

PUBLISHED = Path(__file__).parents[2] / "docs" / "stimulation-job.schema.json"
TYPES: dict[str, Any] = {"integer": int, "string": str, "object": dict, "null": type(None)}

anything = st.sampled_from(
    [None, True, 0, 1, 7, "", "x", "hop", "full", "1", "1.4", "1.x", "2.0", "a\0b", [], ["hop"], {}, {"k": 1}]
)
keys = st.sampled_from([*JOB_SCHEMA["properties"], "somethingElse"])


def conforms(schema: Any, value: Any) -> bool:
    """Tell whether *value* conforms to a schema, as far as the schema of a job needs it."""
    if "enum" in schema and value not in schema["enum"]:
        return False
    kinds = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", [])
    if kinds and (isinstance(value, bool) or not isinstance(value, tuple(TYPES[kind] for kind in kinds))):
        return False
    if isinstance(value, int) and value < schema.get("minimum", value):
        return False
    return not isinstance(value, str) or re.search(schema.get("pattern", ""), value) is not None


def is_job(data: dict[str, Any]) -> bool:
    """Tell whether *data* conforms to the schema of a job."""
    properties = JOB_SCHEMA["properties"]
    return all(key in data for key in JOB_SCHEMA["required"]) and all(
        conforms(properties.get(key, {}), value) for key, value in data.items()
    )


def is_taken(data: dict[str, Any]) -> bool:
    try:
        StimulationJob.from_dict(data)
    except PayloadError:
        return False
    return True


def test_the_published_schema_is_the_schema() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == JOB_SCHEMA


def test_the_schema_has_every_key_that_is_written() -> None:
    job = StimulationJob("c", 1, 2, 3, 4, "hop", "full", "m", "p", {"k": 1}, "id", "1.0")

    assert set(job.to_dict()) == set(JOB_SCHEMA["properties"])


@given(st.dictionaries(keys, anything), st.booleans())
def test_what_conforms_to_the_schema_is_taken_and_nothing_else(data: dict[str, Any], named: bool) -> None:  # noqa: FBT001 - a fact
    if named:
        data = {**data, "collateralName": "c"}

    assert is_taken(data) == is_job(data)
