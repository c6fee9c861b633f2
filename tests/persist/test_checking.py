from __future__ import annotations

from cnstra import CNS, Axon, CNSPersistOptionsRegistry, afferent_path, collateral, modality, neuron, with_ctx
from cnstra.persist import Problem
from tests.persist.payloads import Card, PlainThing, Unresolvable

entry = collateral(Card, name="entry")
ui = modality({"click": afferent_path()}, name="ui")


class StepAxon(Axon):
    made = collateral(Card)
    unheard = collateral(int)


def _graph() -> CNS:
    step = neuron(StepAxon, name="step").dendrite(entry, lambda payload: None)
    last = neuron({}, name="last").dendrite(StepAxon.made, lambda payload: None)
    last.modality_dendrite(entry, output=lambda result: None, modality=ui, default=lambda payload: None)
    return CNS([step, last])


def test_a_graph_without_names_misses_every_part() -> None:
    problems = CNSPersistOptionsRegistry().check(_graph())

    assert [(problem.kind, problem.name) for problem in problems] == [
        ("neuron", "step"),
        ("neuron", "last"),
        ("collateral", "entry"),
        ("collateral", "made"),
        ("collateral", "unheard"),
        ("modality", "ui"),
    ]
    assert str(problems[0]) == "neuron 'step' has no name: say registry.register(<name>, <the neuron>)"


def test_a_graph_with_all_names_misses_nothing() -> None:
    graph = _graph()
    step, last = graph.neurons
    registry = CNSPersistOptionsRegistry().register("step", step).register("last", last)

    registry.register_collateral("entry", entry).register_modality("ui", ui)

    assert registry.check(graph) == []


def test_a_type_that_cannot_be_stored_is_a_problem() -> None:
    bad, worse = collateral(PlainThing, name="bad"), collateral(Unresolvable, name="worse")
    step = with_ctx(complex).neuron({"bad": bad}, name="step").dendrite(worse, lambda payload: None)
    registry = CNSPersistOptionsRegistry().register("step", step).register_collateral("worse", worse)

    texts = [str(problem) for problem in registry.check(CNS([step]))]

    assert len(texts) == 3
    assert texts[0].startswith("neuron 'step' has a context value that cannot be stored: complex has no JSON form")
    assert texts[1].startswith("collateral 'worse' has payloads that cannot be stored: Unresolvable has an annotation")
    assert texts[2].startswith("collateral 'bad' has payloads that cannot be stored: PlainThing has no JSON form")


def test_anything_with_neurons_can_be_checked() -> None:
    class Graph:
        neurons = (neuron({}, name="a"),)

    assert CNSPersistOptionsRegistry().check(Graph()) == [
        Problem("neuron", "a", "has no name: say registry.register(<name>, <the neuron>)")
    ]
