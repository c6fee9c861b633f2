import pytest

from cnstra import DurableRunner, open_store
from tests.fire.backends import BACKENDS, Backend
from tests.fire.backlog import AT_ONCE, Claims, Desk, fill
from tests.fire.patience import until
from tests.fire.scale import SCALE


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
async def test_a_runner_takes_what_it_has_room_for_out_of_many_that_wait(backend: Backend) -> None:
    store, desk = Claims(open_store(backend.url)), Desk()
    await store.open()
    await fill(store, SCALE.waiting)

    async with DurableRunner(desk.cns, desk.registry, store, max_active_runs=10, grace=0.1) as runner:
        await until(lambda: len(desk.served) == 10)
        assert (store.loaded, len(runner.active_runs)) == (10, 10)
        desk.let_go(3)
        await until(lambda: len(desk.served) == 13)
        runs = (await runner.stats()).runs

    await store.close()
    assert store.loaded == 13
    assert max(desk.served) < AT_ONCE
    assert (runs["completed"], runs["running"], runs["pending"]) == (3, 10, SCALE.waiting - 13)
