from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cnstra import (
    CNS,
    AbortController,
    Axon,
    CNSPersistOptionsRegistry,
    CNSStimulationContextStore,
    HandlerContext,
    Neuron,
    PayloadError,
    Signal,
    UnknownName,
    collateral,
    neuron,
    with_ctx,
)
from cnstra.core.options import StimulationOptions
from cnstra.core.stimulation import Stimulation

started = collateral(int, name="started")


class Outputs(Axon):
    done = collateral(object)


Context = HandlerContext[Any, Any]


def contexts(cns_options: dict[str, Any] | None = None, **options: Any) -> list[Context]:
    """Return the contexts of a run of two neurons."""
    seen: list[Context] = []

    def handle(payload: int, axon: Outputs, ctx: Context) -> Signal[object]:
        seen.append(ctx)
        return axon.done.create_signal(payload)

    first = neuron(Outputs).dendrite(started, handle)
    second = neuron({}).dendrite(Outputs.done, lambda payload, axon, ctx: seen.append(ctx))
    CNS([first, second], **cns_options or {}).stimulate(started.create_signal(1), **options)
    return seen


def test_a_handler_reads_what_it_has_set() -> None:
    seen: list[Any] = []

    def handle(payload: int, axon: object, ctx: Context) -> None:
        seen.append(ctx.get())
        ctx.set({"count": payload})
        seen.append(ctx.get())
        ctx.delete()
        seen.append(ctx.get())

    CNS([neuron({}).dendrite(started, handle)]).stimulate(started.create_signal(5))

    assert seen == [None, {"count": 5}, None]


def test_each_neuron_has_a_value_of_its_own() -> None:
    first, second = contexts()

    first.set("one")

    assert second.get() is None
    assert first.get() == "one"


def test_every_dendrite_of_a_neuron_shares_its_value() -> None:
    count: list[Any] = []

    def add(payload: int, axon: object, ctx: Context) -> None:
        ctx.set((ctx.get() or 0) + payload)
        count.append(ctx.get())

    CNS([neuron({}).dendrite(started, add).dendrite(started, add)]).stimulate([started.create_signal(1)] * 2)

    assert count == [1, 2, 3, 4]


def test_each_run_has_values_of_its_own() -> None:
    counter = neuron({}).dendrite(started, lambda payload, axon, ctx: ctx.set((ctx.get() or 0) + 1))
    cns = CNS([counter])

    runs = [cns.stimulate(started.create_signal(1)) for _ in range(2)]

    assert [run.get_context().get(counter) for run in runs] == [1, 1]


def test_a_handed_over_store_is_used_and_returned() -> None:
    counter = neuron({}).dendrite(started, lambda payload, axon, ctx: ctx.set((ctx.get() or 0) + 1))
    cns = CNS([counter])
    first = cns.stimulate(started.create_signal(1))

    second = cns.stimulate(started.create_signal(1), ctx=first.get_context())

    assert second.get_context() is first.get_context()
    assert second.get_context().get_all() == {counter: 2}


class OwnStore:
    """A store of the user's own, with nothing of ours in it."""

    def __init__(self) -> None:
        self.log: list[tuple[str, Any]] = []
        self.values: dict[Neuron[Any], Any] = {}

    def get(self, neuron: Neuron[Any], /) -> Any:
        self.log.append(("get", neuron.label))
        return self.values.get(neuron)

    def set(self, neuron: Neuron[Any], value: Any, /) -> None:
        self.log.append(("set", neuron.label))
        self.values[neuron] = value

    def delete(self, neuron: Neuron[Any], /) -> None:
        self.log.append(("delete", neuron.label))
        self.values.pop(neuron, None)

    def get_all(self) -> dict[Neuron[Any], Any]:
        return dict(self.values)

    def set_all(self, values: Mapping[Neuron[Any], Any], /) -> None:
        self.values = dict(values)


def test_a_store_of_the_users_own_serves_all_reads_and_writes() -> None:
    def handle(payload: int, axon: object, ctx: Context) -> None:
        ctx.set(payload)
        ctx.get()
        ctx.delete()

    store = OwnStore()
    CNS([neuron({}, name="own").dendrite(started, handle)]).stimulate(started.create_signal(1), ctx=store)

    assert store.log == [("set", "own"), ("get", "own"), ("delete", "own")]


def test_context_value_of_a_response_is_a_copy() -> None:
    copies: list[dict[Neuron[Any], Any]] = []
    counter = neuron(Outputs).dendrite(started, lambda payload, axon, ctx: ctx.set(payload))
    run = CNS([counter]).stimulate(
        [started.create_signal(1), started.create_signal(2)], on_response=lambda one: copies.append(one.context_value)
    )
    copies[-1].clear()

    assert copies[:-1] == [{}, {}, {counter: 1}]
    assert run.get_context().get_all() == {counter: 2}


def test_context_value_is_copied_once() -> None:
    same: list[bool] = []

    CNS([]).stimulate(
        started.create_signal(1), on_response=lambda one: same.append(one.context_value is one.context_value)
    )

    assert same == [True]


def test_a_handler_sees_the_run_and_its_graph() -> None:
    ctx = contexts()[0]

    assert ctx.stimulation.done
    assert ctx.cns is ctx.stimulation.cns
    assert ctx.attempt_number == 1
    assert ctx.metadata == {}


def test_metadata_and_attempt_number_come_from_the_start() -> None:
    seen: list[Any] = []
    cns = CNS(
        [neuron({}).dendrite(started, lambda payload, axon, ctx: seen.append((ctx.metadata, ctx.attempt_number)))]
    )

    cns.start(Stimulation(cns, StimulationOptions(metadata={"user": 7}, attempt_number=3)), started.create_signal(1))

    assert seen == [({"user": 7}, 3)]


@pytest.mark.parametrize("given", [object(), {}, None], ids=["object", "empty", "none"])
def test_the_callers_object_is_the_same_on_every_hop(given: Any) -> None:
    assert all(ctx.stimulation_context is given for ctx in contexts(stimulation_context=given))


def test_the_global_object_reaches_every_handler() -> None:
    services = object()

    assert all(ctx.global_ is services for ctx in contexts({"global_": services}))
    assert [ctx.global_ for ctx in contexts()] == [None, None]


def test_one_neuron_in_two_graphs_sees_the_global_object_of_each() -> None:
    shared = neuron({}).dendrite(started, lambda payload, axon, ctx: ctx.global_.append(payload))
    one: list[int] = []
    other: list[int] = []

    CNS([shared], global_=one).stimulate(started.create_signal(1))
    CNS([shared], global_=other).stimulate(started.create_signal(2))

    assert (one, other) == ([1], [2])


def test_the_abort_signal_is_the_callers_own() -> None:
    signal = AbortController().signal

    assert all(ctx.abort_signal is signal for ctx in contexts(abort_signal=signal))


def test_without_one_the_abort_signal_is_raised_by_the_run() -> None:
    aborted: list[bool] = []

    def handle(payload: int, axon: object, ctx: Context) -> None:
        aborted.append(ctx.abort_signal.aborted)
        ctx.stimulation.abort("enough")
        aborted.append(ctx.abort_signal.aborted)
        assert ctx.abort_signal.reason == "enough"

    CNS([neuron({}).dendrite(started, handle)]).stimulate(started.create_signal(1))

    assert aborted == [False, True]


def test_every_activation_has_an_id_of_its_own_that_stays() -> None:
    first, second = contexts()

    assert first.activation_id == first.activation_id
    assert first.activation_id != second.activation_id
    assert isinstance(first.activation_id, str)


def test_a_store_keeps_one_value_a_neuron() -> None:
    store, one, other = CNSStimulationContextStore(), neuron({}), neuron({})

    store.set(one, 1)
    store.set(one, 2)
    store.set(other, 3)
    store.delete(other)
    store.delete(other)

    assert store.get(one) == 2
    assert store.get(other) is None
    assert store.get_all() == {one: 2}


def test_all_values_are_copied_in_and_out() -> None:
    store, one = CNSStimulationContextStore(), neuron({})
    values = {one: 1}

    store.set_all(values)
    values.clear()
    store.get_all().clear()

    assert store.get_all() == {one: 1}


def test_a_store_without_a_registry_writes_by_label() -> None:
    store = CNSStimulationContextStore()
    store.set(neuron({}, name="parser"), {"cards": [1, 2.5, None, True, "x"]})

    assert store.serialize() == {"parser": {"cards": [1, 2.5, None, True, "x"]}}


@pytest.mark.parametrize(
    "value", [(1, 2), {1: "a"}, {1, 2}, float("nan"), b"bytes", object(), [{"deep": (1,)}]], ids=range(7)
)
def test_a_store_without_a_registry_refuses_what_json_would_change(value: Any) -> None:
    store = CNSStimulationContextStore()
    store.set(neuron({}, name="parser"), value)

    with pytest.raises(PayloadError, match=r"context of neuron parser.*give the store a registry"):
        store.serialize()


def test_a_value_that_holds_itself_is_refused() -> None:
    store = CNSStimulationContextStore()
    value: list[Any] = []
    value.append(value)
    store.set(neuron({}, name="parser"), value)

    with pytest.raises(PayloadError):
        store.serialize()


def test_two_neurons_of_one_label_are_refused_without_a_registry() -> None:
    store = CNSStimulationContextStore()
    store.set(neuron({}, name="parser"), 1)
    store.set(neuron({}, name="parser"), 2)

    with pytest.raises(PayloadError, match="two neurons have this label"):
        store.serialize()


def test_serialized_values_do_not_change_with_the_store() -> None:
    store, parser = CNSStimulationContextStore(), neuron({}, name="parser")
    store.set(parser, {"count": 1})

    data = store.serialize()
    store.get(parser)["count"] = 2

    assert data == {"parser": {"count": 1}}


def test_restored_values_go_to_the_neurons_of_their_labels() -> None:
    store, parser = CNSStimulationContextStore(), neuron({}, name="parser")

    store.restore({"parser": {"count": 1}, "other": 5})

    assert store.get(parser) == {"count": 1}
    assert store.get_all() == {parser: {"count": 1}}
    assert store.serialize() == {"parser": {"count": 1}, "other": 5}


def test_a_run_adopts_the_values_of_all_its_neurons() -> None:
    first, second = neuron({}, name="first").dendrite(started, print), neuron({}, name="second")
    store = CNSStimulationContextStore()
    store.restore({"first": 1, "second": 2})

    run = CNS([first, second]).stimulate(started.create_signal(1), ctx=store)

    assert run.get_context().get_all() == {first: 1, second: 2}


def test_restoring_replaces_what_was_there() -> None:
    store, parser = CNSStimulationContextStore(), neuron({}, name="parser")
    store.set(parser, 1)

    store.restore({})

    assert store.get(parser) is None


@pytest.mark.parametrize("last", ["set", "delete", "set_all"])
def test_a_later_change_wins_over_a_restored_value(last: str) -> None:
    store, parser = CNSStimulationContextStore(), neuron({}, name="parser")
    store.restore({"parser": "restored"})

    {
        "set": lambda: store.set(parser, None),
        "delete": lambda: store.delete(parser),
        "set_all": lambda: store.set_all({}),
    }[last]()

    assert store.get(parser) is None


def registry_of(**neurons: Neuron[Any]) -> CNSPersistOptionsRegistry:
    registry = CNSPersistOptionsRegistry()
    for name, one in neurons.items():
        registry.register(name, one)
    return registry


def test_a_store_with_a_registry_keeps_the_declared_type() -> None:
    parser = with_ctx(tuple[int, ...]).neuron({}, name="any label")
    store = CNSStimulationContextStore(registry_of(deckParser=parser))
    store.set(parser, (1, 2))

    data = store.serialize()
    restored = CNSStimulationContextStore(registry_of(deckParser=parser))
    restored.restore(data)

    assert list(data) == ["deckParser"]
    assert restored.get_all() == {parser: (1, 2)}


def test_a_neuron_without_a_name_is_refused_when_written() -> None:
    store = CNSStimulationContextStore(registry_of())
    store.set(neuron({}, name="parser"), 1)

    with pytest.raises(UnknownName, match=r"parser.*register the neuron"):
        store.serialize()


def test_an_unknown_name_is_refused_when_read_and_changes_nothing() -> None:
    parser = neuron({})
    store = CNSStimulationContextStore(registry_of(parser=parser))
    store.set(parser, 1)

    with pytest.raises(UnknownName, match="'gone'"):
        store.restore({"parser": 2, "gone": 3})

    assert store.get_all() == {parser: 1}
