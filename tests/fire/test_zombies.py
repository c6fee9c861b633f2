import asyncio
from pathlib import Path

import pytest

from cnstra import DurableRunner, open_store
from tests.fire.backends import BACKENDS, Backend
from tests.fire.crew import Crew, Member
from tests.fire.effects import Effects
from tests.fire.patience import until
from tests.fire.verdict import Evidence, gather
from tests.fire.waiting import LEASE, RUN_ID, waiting_graph

pytestmark = pytest.mark.parametrize("backend", BACKENDS, indirect=True)


async def test_a_handler_that_blocks_the_event_loop_keeps_its_run(backend: Backend, crew: Crew, tmp_path: Path) -> None:
    scene = Scene(backend, crew, tmp_path)
    owner = await scene.begin()
    rival = scene.stand_by()

    await asyncio.sleep(3 * LEASE)
    scene.let_go()

    assert await owner.ended() == 0, crew.said()
    assert not rival.has_ended
    evidence = await scene.evidence()
    assert scene.told() == "nothing"
    assert evidence.state.run.status == "completed"
    assert evidence.state.run.attempt_number == 1
    assert [(one.meaning, one.pid) for one in evidence.tries] == [("waiter", owner.pid), ("taker", owner.pid)]


@pytest.mark.parametrize("careless", [False, True], ids=["careful", "careless"])
async def test_a_process_that_is_stopped_loses_its_run_and_changes_nothing_when_it_wakes(
    *, careless: bool, backend: Backend, crew: Crew, tmp_path: Path
) -> None:
    scene = Scene(backend, crew, tmp_path)
    zombie = await scene.begin(careless=careless)
    zombie.stop()
    rival = scene.stand_by()
    await scene.wait_for_the_end()
    await asyncio.sleep(2 * LEASE)
    before = await scene.evidence()

    scene.let_go()
    zombie.wake()

    assert await zombie.ended() == 0, crew.said()
    after = await scene.evidence()
    assert before.state.run.status == "completed"
    assert [(one.meaning, one.pid, one.attempt_number) for one in before.tries] == [
        ("waiter", zombie.pid, 1),
        ("waiter", rival.pid, 2),
        ("taker", rival.pid, 2),
    ]
    assert after == before
    assert scene.told() in ({"Fenced"} if careless else {"Fenced", "StoreError"})


class Scene:
    """One run in its first handler, and what is seen of it."""

    def __init__(self, backend: Backend, crew: Crew, folder: Path) -> None:
        self._url = backend.url
        self._crew = crew
        self._folder = folder
        self._effects = Effects(folder)

    async def begin(self, *, careless: bool = False) -> Member:
        """Start the run, and return the process that is in its first handler."""
        owner = self._crew.start(
            "tests.fire.waiting:start_and_tell", url=self._url, folder=str(self._folder), careless=careless
        )
        await until(lambda: bool(self._effects.journal()) or owner.has_ended)
        assert not owner.has_ended, self._crew.said()
        return owner

    def stand_by(self) -> Member:
        """Start a second worker."""
        return self._crew.start("tests.fire.waiting:stand_by", url=self._url, folder=str(self._folder))

    def let_go(self) -> None:
        """Let the handler return."""
        (self._folder / "go").touch()

    def told(self) -> str:
        """Return what awaiting the run has raised in the process that started it."""
        return (self._folder / "told").read_text()

    async def wait_for_the_end(self) -> None:
        """Wait until somebody has done the run."""
        cns, registry = waiting_graph(None)
        async with DurableRunner(cns, registry, self._url, max_active_runs=0) as watcher:
            await watcher.wait(RUN_ID)

    async def evidence(self) -> Evidence:
        """Return what is left of the run."""
        store = open_store(self._url)
        await store.open()
        try:
            [found] = await gather(store, self._effects, [RUN_ID])
        finally:
            await store.close()
        return found
