from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from cnstra import CNS, Axon, Neuron, Signal, collateral, neuron, neuron_factory, with_ctx, with_global
from cnstra.errors import GraphError


class Outputs(Axon):
    created = collateral(object)
    deleted = collateral(object)


started, renamed, removed = collateral(dict[str, str], name="started"), collateral(int), collateral(str)


async def patient(payload: object) -> None:
    pass


def test_a_bare_neuron_has_an_axon_and_no_dendrites() -> None:
    output = collateral(int)

    made = neuron({"output": output})

    assert dict(made.axon) == {"output": output}
    assert list(made.dendrites) == []
    assert (made.concurrency, made.max_duration, made.name, made.context_type) == (None, None, None, None)


def test_dendrites_are_kept_in_the_order_of_declaration() -> None:
    made = neuron(Outputs).dendrite(started, patient).dendrite(renamed, patient)

    assert [dendrite.collateral for dendrite in made.dendrites] == [started, renamed]


def test_a_list_makes_one_dendrite_for_each_member() -> None:
    made = neuron(Outputs).dendrite([started], patient).dendrite([renamed, removed], patient)

    assert [dendrite.collateral for dendrite in made.dendrites] == [started, renamed, removed]
    assert {dendrite.response for dendrite in made.dendrites} == {patient}


def test_a_shared_handler_gets_the_payloads_of_every_collateral() -> None:
    seen: list[object] = []
    cns = CNS([neuron({}).dendrite([started, renamed, removed], seen.append)])

    cns.stimulate([renamed.create_signal(5), removed.create_signal("x"), started.create_signal({"a": "b"})])

    assert seen == [5, "x", {"a": "b"}]


def test_a_decorator_leaves_the_handler_as_it_is() -> None:
    made = neuron(Outputs)

    @made.dendrite(started)
    @made.dendrite([renamed, removed])
    def handle(payload: object) -> None:
        pass

    assert handle.__name__ == "handle"
    assert [dendrite.collateral for dendrite in made.dendrites] == [renamed, removed, started]


def test_a_handler_can_be_called_directly() -> None:
    def create(payload: dict[str, str], axon: Outputs) -> Signal[object]:
        return axon.created.create_signal(payload["card"])

    def delete(payload: dict[str, str], axon: Outputs) -> Signal[object]:
        return axon.deleted.create_signal(payload["card"])

    made = neuron(Outputs).dendrite(started, create).dendrite(started, delete)

    answers = [dendrite.response({"card": "Card 1"}, made.axon) for dendrite in made.dendrites]
    assert answers == [Outputs.created.create_signal("Card 1"), Outputs.deleted.create_signal("Card 1")]


def test_a_neuron_may_have_several_dendrites_on_one_collateral() -> None:
    made = neuron(Outputs).dendrite(started, patient).dendrite(renamed, patient).dendrite(started, patient)

    assert made.dendrites_on(started) == [made.dendrites[0], made.dendrites[2]]


@pytest.mark.parametrize("on", [None, "started", int, [started, None], Outputs])
def test_a_dendrite_needs_a_collateral(on: Any) -> None:
    made = neuron(Outputs, name="parser")

    with pytest.raises(GraphError, match="the collateral of a handler of neuron parser must be a collateral"):
        made.dendrite(on, patient)

    assert list(made.dendrites) == []


def test_a_list_with_a_handler_that_does_not_fit_adds_nothing() -> None:
    made = neuron(Outputs, max_duration=1.0)

    with pytest.raises(GraphError, match="plain function"):
        made.dendrite([started, started], lambda payload: None)

    assert list(made.dendrites) == []


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_a_concurrency_is_given_as_keyword_or_by_method(limit: int) -> None:
    assert neuron(Outputs, concurrency=limit).concurrency == limit
    assert neuron(Outputs).set_concurrency(limit).concurrency == limit


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "2"])
def test_a_concurrency_is_a_whole_number_of_at_least_one(limit: Any) -> None:
    with pytest.raises(GraphError, match="the concurrency of neuron parser must be a whole number of 1 or more"):
        neuron(Outputs, name="parser", concurrency=limit)


@pytest.mark.parametrize("seconds", [0.001, 1, 30.5])
def test_a_time_limit_is_given_as_keyword_or_by_method(seconds: float) -> None:
    assert neuron(Outputs, max_duration=seconds).max_duration == seconds
    assert neuron(Outputs).set_max_duration(seconds).max_duration == seconds


@pytest.mark.parametrize("seconds", [0, -1, 0.0, float("nan"), float("inf"), "1", True])
def test_a_time_limit_is_a_number_of_seconds_above_zero(seconds: Any) -> None:
    with pytest.raises(GraphError, match="the max_duration of neuron parser must be a number of seconds above 0"):
        neuron(Outputs, name="parser", max_duration=seconds)


def test_limits_can_be_taken_off_again() -> None:
    made = neuron(Outputs, concurrency=1, max_duration=1.0).set_concurrency(None).set_max_duration(None)

    assert made.concurrency is made.max_duration is None


def test_a_time_limit_on_a_plain_function_is_refused_whichever_comes_first() -> None:
    with pytest.raises(GraphError, match=r"plain function, which cannot be stopped.*in_thread=True"):
        neuron(Outputs, max_duration=1.0).dendrite(started, lambda payload: None)
    with pytest.raises(GraphError, match=r"plain function, which cannot be stopped.*in_thread=True"):
        neuron(Outputs).dendrite(started, lambda payload: None).set_max_duration(1.0)


def test_a_time_limit_on_a_thread_is_allowed() -> None:
    assert len(neuron(Outputs, max_duration=1.0).dendrite(started, lambda payload: None, in_thread=True).dendrites) == 1


def test_a_coroutine_function_does_not_run_in_a_thread() -> None:
    with pytest.raises(GraphError, match="is asynchronous; in_thread=True is for functions that block"):
        neuron(Outputs).dendrite(started, patient, in_thread=True)


CHANGES: dict[str, Callable[[Neuron[Any]], Any]] = {
    "dendrite": lambda made: made.dendrite(started, patient),
    "decorator": lambda made: made.dendrite(started),
    "bind": lambda made: made.bind({}, {}),
    "modality_dendrite": lambda made: made.modality_dendrite(started, output=patient, default=patient),
    "set_concurrency": lambda made: made.set_concurrency(1),
    "set_max_duration": lambda made: made.set_max_duration(1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_neuron_of_a_cns_is_frozen(change: Callable[[Neuron[Any]], Any]) -> None:
    made = neuron(Outputs, name="parser")
    CNS([made])

    with pytest.raises(GraphError, match="neuron parser is part of a CNS"):
        change(made)


def test_a_decorator_that_was_made_before_the_cns_is_refused_after_it() -> None:
    made = neuron(Outputs)
    late = made.dendrite(started)
    CNS([made])

    with pytest.raises(GraphError, match="part of a CNS"):
        late(patient)


def test_a_neuron_is_itself_after_a_copy() -> None:
    made = neuron(Outputs)

    assert copy.copy(made) is made
    assert copy.deepcopy([made])[0] is made


@pytest.mark.parametrize(
    ("made", "label"),
    [
        (neuron(Outputs, name="parser"), "parser"),
        (neuron(Outputs), "Outputs"),
        (neuron({"created": Outputs.created}), "neuron(created)"),
        (neuron({}).dendrite(started, patient), "neuron(started)"),
        (neuron({}), "neuron()"),
    ],
)
def test_the_label_tells_a_neuron_from_others(made: Neuron[Any], label: str) -> None:
    assert made.label == label
    assert repr(made) == f"<Neuron {label}>"


def test_a_factory_makes_the_neuron_that_the_plain_builder_makes() -> None:
    made = with_ctx(dict).neuron(Outputs, concurrency=2, max_duration=3.0, name="parser")

    assert isinstance(made.axon, Outputs)
    assert list(made.dendrites) == []
    assert (made.concurrency, made.max_duration, made.name) == (2, 3.0, "parser")


@pytest.mark.parametrize(
    "factory",
    [
        with_ctx(int),
        with_ctx(int).with_global(str),
        with_global(str).with_ctx(int),
        neuron_factory().with_ctx(int),
        neuron_factory().with_global(str).with_ctx(int),
        with_ctx(str).with_ctx(int),
    ],
    ids=range(6),
)
def test_types_are_declared_in_any_order(factory: Any) -> None:
    assert factory.neuron(Outputs).context_type is int


def test_a_type_may_be_declared_for_the_checker_alone() -> None:
    assert with_ctx().neuron(Outputs).context_type is None
    assert with_global().neuron(Outputs).context_type is None


def test_a_neuron_class_takes_fewer_type_parameters_than_it_has() -> None:
    assert Neuron[Outputs] is not None
    assert Neuron[Outputs, int, str] is not None
