from typing import Any

import pytest

from cnstra import (
    CNS,
    CNSPersistOptionsRegistry,
    DurableRunner,
    GraphError,
    MemoryStore,
    StimulationFailed,
    collateral,
    neuron,
)
from cnstra.logs import HistoryLogger

started = collateral(int, name="started")


def ring() -> CNS[Any]:
    """Return a graph that counts down to nothing, and fails below it."""
    one = neuron({"again": started}, name="countdown")

    @one.dendrite(started)
    def count(number: int, axon: Any) -> Any:
        if number < 0:
            raise ValueError("below <zero>")
        return axon.again.create_signal(number - 1) if number else None

    return CNS([one])


def hops_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("- ")]


def test_a_run_is_told_hop_by_hop() -> None:
    cns = ring()
    with HistoryLogger(cns) as history:
        cns.stimulate(started.create_signal(2))

    text = history.dump()
    assert text.startswith("# CNS history\n\n## Run 1\n\nStarted by `started` at 20")
    assert "; over." in text
    assert hops_of(text) == [
        "- `countdown` on `started` → `started`",
        "- `countdown` on `started` → `started`",
        "- `countdown` on `started` → nothing",
    ]


def test_a_failure_is_told_as_plain_text() -> None:
    cns = ring()
    history = HistoryLogger(cns)

    with pytest.raises(StimulationFailed):
        cns.run(started.create_signal(-1))

    assert hops_of(history.dump()) == [r"- `countdown` on `started` failed: ValueError: below \<zero\>"]


async def test_a_durable_run_has_its_id_attempt_and_stored_names() -> None:
    cns = ring()
    registry = CNSPersistOptionsRegistry().register("counter", cns.neurons[0], {"again": "begun"})
    history = HistoryLogger(cns, registry)
    async with DurableRunner(cns, registry, MemoryStore()) as runner:
        await (await runner.stimulate(started.create_signal(0), stimulation_id="import-7"))

    assert "## Run 1: `import-7`, attempt 1\n\nStarted by `begun` at" in history.dump()
    assert hops_of(history.dump()) == ["- `counter` on `begun` → nothing"]


def test_it_keeps_the_latest_runs_and_the_latest_hops() -> None:
    cns = ring()
    history = HistoryLogger(cns, max_runs=2, max_hops=3)

    for number in (0, 1, 9):
        cns.stimulate(started.create_signal(number))

    text = history.dump()
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## Run 3", "## Run 2"]
    assert hops_of(text)[:2] == ["- (7 earlier hops)", "- `countdown` on `started` → `started`"]
    assert len(hops_of(text)) == 4 + 2


def test_a_run_of_tasks_has_no_entry() -> None:
    cns = ring()
    history = HistoryLogger(cns)
    first = cns.stimulate(started.create_signal(-1))

    cns.activate(first.get_failed_tasks()).get_failed_tasks()

    assert "## Run 2\n\nStarted from tasks at" in history.dump()


def test_it_can_be_stopped() -> None:
    cns = ring()
    with HistoryLogger(cns) as history:
        pass

    cns.stimulate(started.create_signal(0))

    assert history.dump() == "# CNS history\n\nNo run yet.\n"
    assert cns.response_listeners == ()


def test_a_limit_must_make_sense() -> None:
    with pytest.raises(GraphError, match="max_runs must be a whole number of 1 or more"):
        HistoryLogger(ring(), max_runs=0)
