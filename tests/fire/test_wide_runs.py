import pytest

from tests.fire.backends import BACKENDS, Backend
from tests.fire.wide import cost_of_hops


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
async def test_a_hop_costs_the_same_however_much_is_outstanding_beside_it(backend: Backend) -> None:
    few = await cost_of_hops(backend, 10)
    many = await cost_of_hops(backend, 100_000)

    dear = {kind: (few[kind], count) for kind, count in many.items() if count > 1.2 * few[kind] + 5}
    assert not dear, f"beside 10 and beside 100,000: {dear}"
