"""A crew, a store to work on, and the statistics at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fire.backends import Backend, backend
from tests.fire.crew import Crew, crew
from tests.fire.scale import SCALE
from tests.fire.statistics import Statistics
from tests.servers.processes import missing

_SHOWN = 20_000
_STATISTICS = pytest.StashKey[Statistics]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_STATISTICS] = Statistics()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash[_STATISTICS].table()
    if len(lines) > 1:
        terminalreporter.section(f"fire, seed {SCALE.seed}")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture
def statistics(request: pytest.FixtureRequest) -> Statistics:
    return request.config.stash[_STATISTICS]


@pytest.fixture(name="crew")
def a_crew(tmp_path: Path) -> Iterator[Crew]:
    if not hasattr(os, "pidfd_open"):
        missing("pidfd", hint="these tests need Linux")
    with crew(tmp_path) as members:
        yield members
    for log in sorted(tmp_path.glob("*.log")):  # pytest shows it if the test has failed
        print(f"--- {log.name}", log.read_text(errors="replace")[-_SHOWN:], sep="\n")  # noqa: T201


@pytest.fixture(name="backend")
def a_backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    with backend(request.param, tmp_path) as one:
        yield one
