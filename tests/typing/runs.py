"""What starts a run, and what comes back."""

from collections.abc import Callable
from typing import assert_type

from cnstra import (
    CNS,
    ActivationTask,
    CNSPersistOptionsRegistry,
    Drain,
    DurableRunner,
    NeuronEntry,
    Response,
    Stimulation,
    TaskFailure,
    create_persist_registry,
    neuron,
)
from cnstra.durable import DurableRun
from tests.typing.messages import CardAxon, DeckAxon, Started, ignore, started

deck = neuron(DeckAxon)
card = neuron(CardAxon)
cns = CNS([deck, card])
signal = started.create_signal(Started("1"))
registry = create_persist_registry({"deck": deck, "card": NeuronEntry(card, collaterals={"started": "card-started"})})

# In memory.
assert_type(cns.stimulate(signal), Stimulation)
assert_type(cns.stimulate([signal, signal]), Stimulation)
assert_type(cns.stimulate(signal, on_response=lambda r: ignore(assert_type(r, Response))), Stimulation)
assert_type(cns.stimulate(signal, on_drain=lambda d: ignore(assert_type(d, Drain))), Stimulation)
assert_type(cns.run(signal), Stimulation)
assert_type(cns.activate(cns.stimulate(signal).get_outstanding_tasks()), Stimulation)
assert_type(cns.stimulate(signal).get_all_activation_tasks(), list[ActivationTask])
assert_type(cns.stimulate(signal).get_failed_tasks(), list[TaskFailure])
assert_type(cns.add_response_listener(lambda r: ignore(assert_type(r, Response))), Callable[[], None])


async def listen(response: Response) -> None: ...


cns.add_response_listener(listen)
cns.add_response_listener(print)

# The registry chains.
assert_type(registry, CNSPersistOptionsRegistry)
assert_type(CNSPersistOptionsRegistry().register("deck", deck), CNSPersistOptionsRegistry)
assert_type(
    CNSPersistOptionsRegistry().register("deck", deck).register_collateral("started", started),
    CNSPersistOptionsRegistry,
)


async def waiting() -> None:
    run = cns.stimulate(signal)
    await run
    await run.wait_until_complete()


async def durable() -> None:
    async with DurableRunner(cns, registry, store="sqlite:///runs.db") as runner:
        assert_type(runner, DurableRunner)
        run = await runner.stimulate(signal, stimulation_id="1")
        assert_type(run, DurableRun)
        assert_type(run.stimulation_id, str)
        assert_type(run.stimulation, Stimulation | None)
        await run
        assert_type(await runner.retry("1"), DurableRun)
        assert_type(await runner.clone("1"), DurableRun)


async def refused() -> None:
    cns.stimulate(started)  # type: ignore[arg-type]
    cns.stimulate(Started("1"))  # type: ignore[arg-type]
    cns.stimulate(signal, concurrency="2")  # type: ignore[arg-type]
    cns.stimulate(signal, on_drain=lambda drain: drain.error)  # type: ignore[attr-defined]
    CNS([DeckAxon])  # type: ignore[list-item]
    value = await cns.stimulate(signal)  # type: ignore[func-returns-value]  # noqa: F841
    create_persist_registry({"deck": started})  # type: ignore[dict-item]
    registry.register("started", started)  # type: ignore[arg-type]
    DurableRunner(cns, registry, ":memory:", durability="never")  # type: ignore[arg-type]
