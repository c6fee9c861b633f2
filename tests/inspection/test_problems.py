"""What cannot be shown."""

from __future__ import annotations

import pickle

import pytest

from cnstra.errors import RunNotFound
from cnstra.inspection.problems import NotShown
from cnstra.inspection.reading import Reader
from cnstra.stores import MemoryStore


async def test_a_run_that_is_not_there_is_told_so() -> None:
    with pytest.raises(RunNotFound, match="'import-1'"):
        await Reader(MemoryStore(), "").run("import-1")


def test_what_is_not_shown_says_why_in_another_process_too() -> None:
    problem = pickle.loads(pickle.dumps(NotShown("no_page", "begin at the first one")))

    assert (problem.code, str(problem)) == ("no_page", "begin at the first one")
