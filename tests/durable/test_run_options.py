import json
from typing import Any

import pytest

from cnstra.durable.run_options import EntryTask, RunOptions
from cnstra.errors import PayloadError


def test_options_come_back_as_they_were() -> None:
    options = RunOptions("interval", 3, 9, "touch", "click", {"user": {"id": 7, "tags": ["a", None, 1.5]}})

    assert RunOptions.decode(options.encode()) == options


def test_what_a_newer_version_has_added_is_passed_over() -> None:
    stored = json.loads(RunOptions(concurrency=2).encode())

    assert RunOptions.decode(json.dumps({**stored, "colour": "red"}).encode()) == RunOptions(concurrency=2)


@pytest.mark.parametrize("metadata", [{"at": object()}, {"at": (1,)}, {2: "two"}, {"x": float("inf")}])
def test_metadata_that_would_not_come_back_is_refused(metadata: dict[Any, Any]) -> None:
    with pytest.raises(PayloadError, match="metadata"):
        RunOptions(metadata=metadata).encode()


def test_how_a_fork_begins_comes_back_as_it_was() -> None:
    options = RunOptions(contexts={"n0": '{"value":1}'}, entry_task=EntryTask("n1", "c1", 2))

    assert RunOptions.decode(options.encode()) == options


def test_what_is_not_given_takes_no_space() -> None:
    assert RunOptions().encode() == b'{"durability":"hop"}'
