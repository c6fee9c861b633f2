"""A store with runs in it, whose application is dead."""

import asyncio
import shutil
from pathlib import Path

import pytest

from cnstra import Signal, StimulationFailed
from tests.cli.runs.shop import HOSTILE, Order, ordered, runner_of

SHOP = "tests.cli.runs.shop:runner"


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the runs ``done``, ``broken``, ``flaky`` and ``waiting``."""
    path = tmp_path_factory.mktemp("shop") / "runs.db"
    asyncio.run(_fill(path))
    return path


@pytest.fixture
def file(filled: Path, tmp_path: Path) -> Path:
    """A copy of that store for one test."""
    return Path(shutil.copy(filled, tmp_path / "runs.db"))


@pytest.fixture
def url(file: Path) -> str:
    return f"sqlite:///{file}"


async def _fill(path: Path) -> None:
    async with runner_of(path) as runner:
        await (await runner.stimulate(_order("done"), stimulation_id="done", metadata={"by": HOSTILE}))
        for name in ("broken", "flaky"):
            with pytest.raises(StimulationFailed):
                await (await runner.stimulate(_order(name), stimulation_id=name))
        await runner.enqueue(_order("waiting"), stimulation_id="waiting", delay=3600.0)


def _order(note: str) -> Signal[Order]:
    return ordered.create_signal(Order(7, note))
