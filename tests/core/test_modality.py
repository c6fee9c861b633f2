from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from cnstra import (
    CNS,
    AfferentPath,
    Axon,
    Modality,
    NoHandlerError,
    Response,
    Signal,
    Stimulation,
    afferent_path,
    collateral,
    modality,
    neuron,
)
from cnstra.errors import GraphError

opened = collateral(str, name="opened")


class Outputs(Axon):
    shown = collateral(str)


ui = afferent_path()
onboarding = afferent_path()
tutorial = afferent_path(onboarding)
first_lesson = afferent_path(tutorial)
CARD = modality({"ui": ui, "onboarding": onboarding, "tutorial": tutorial, "lesson": first_lesson}, name="card")
api = afferent_path()
DECK = modality({"api": api}, name="deck")


def say(prefix: str) -> Any:
    return lambda payload: f"{prefix}-{payload}"


def show(result: str, axon: Outputs) -> Signal[str]:
    return axon.shown.create_signal(result)


def run_of(given: Modality | None, path: AfferentPath | None, **declared: Any) -> tuple[Stimulation, list[str]]:
    """Return a run of a modality dendrite that was declared like this, and what it showed."""
    viewer: list[str] = []
    screen = neuron(Outputs, name="screen").modality_dendrite(opened, output=show, **declared)
    cns = CNS([screen, neuron({}).dendrite(Outputs.shown, viewer.append)])
    return cns.stimulate(opened.create_signal("test"), modality=given, afferent_path=path), viewer


def shown(given: Modality | None, path: AfferentPath | None, **declared: Any) -> list[str]:
    run, viewer = run_of(given, path, **declared)
    assert run.get_failed_tasks() == []
    return viewer


def failure(given: Modality | None, path: AfferentPath | None, **declared: Any) -> BaseException:
    run, viewer = run_of(given, path, **declared)
    (failed,) = run.get_failed_tasks()
    assert viewer == []
    return failed.error


def test_a_root_path_has_no_parent() -> None:
    assert afferent_path().parent is None


def test_a_path_knows_its_ancestors() -> None:
    assert first_lesson.parent is tutorial
    assert list(first_lesson.lineage()) == [first_lesson, tutorial, onboarding]


def test_a_path_is_itself_after_a_copy() -> None:
    assert copy.copy(ui) is ui
    assert copy.deepcopy({CARD: ui}) == {CARD: ui}
    assert afferent_path() != afferent_path()


@pytest.mark.parametrize("value", [ui, CARD], ids=["path", "modality"])
def test_an_identity_cannot_be_pickled(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(value)


def test_the_parent_of_a_path_is_a_path() -> None:
    with pytest.raises(GraphError, match="the parent of an afferent path is an afferent path, not 'ui'"):
        afferent_path("ui")  # type: ignore[arg-type]


def test_a_modality_holds_its_paths_under_their_keys() -> None:
    root = afferent_path()
    paths = {"root": root, "left": afferent_path(root), "right": afferent_path(root)}

    made = modality(paths)

    assert made.afferent_paths == paths
    assert list(made.afferent_paths) == ["root", "left", "right"]
    assert [path.parent for path in made.afferent_paths.values()] == [None, root, root]


def test_an_empty_modality_has_no_paths() -> None:
    assert dict(modality({}).afferent_paths) == {}


def test_keys_keep_their_type() -> None:
    zero, text = afferent_path(), afferent_path()

    made = modality({0: zero, "0": text})

    assert made.afferent_paths[0] is zero
    assert made.afferent_paths["0"] is text
    assert made.key_of(zero) == 0


def test_the_paths_of_a_modality_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CARD.afferent_paths["new"] = afferent_path()  # type: ignore[index]


def test_a_modality_is_made_of_paths() -> None:
    with pytest.raises(GraphError, match=r"modality\['ui'\] must be an afferent path, not 5"):
        modality({"ui": 5})  # type: ignore[dict-item]


def test_a_key_names_a_path_that_has_no_name() -> None:
    named, unnamed = afferent_path(name="mine"), afferent_path()

    modality({"theirs": named, "its own": unnamed})

    assert repr(named) == "<AfferentPath mine>"
    assert repr(unnamed) == "<AfferentPath its own>"


def test_a_modality_knows_its_own_paths_only() -> None:
    assert ui in CARD
    assert api not in CARD
    assert CARD.key_of(ui) == "ui"
    with pytest.raises(GraphError, match="is not a path of <Modality card>; it has"):
        CARD.key_of(api)


def test_a_modality_shows_its_name_or_its_keys() -> None:
    assert repr(CARD) == "<Modality card>"
    assert repr(modality({"a": afferent_path()})) == "<Modality ['a']>"


def test_the_handler_of_the_path_is_picked() -> None:
    paths = {ui: say("real"), onboarding: say("tutorial")}

    assert shown(CARD, ui, modality=CARD, afferent_paths=paths) == ["real-test"]
    assert shown(CARD, onboarding, modality=CARD, afferent_paths=paths) == ["tutorial-test"]


@pytest.mark.parametrize("path", [tutorial, first_lesson])
def test_the_nearest_ancestor_serves_a_path_without_a_handler(path: AfferentPath) -> None:
    declared = {
        "modality": CARD,
        "afferent_paths": {onboarding: say("far"), ui: say("other")},
        "default": say("default"),
    }
    assert shown(CARD, path, **declared) == ["far-test"]

    declared["afferent_paths"] = {onboarding: say("far"), tutorial: say("near")}
    assert shown(CARD, path, **declared) == ["near-test"]


def test_a_child_does_not_serve_its_parent() -> None:
    paths = {tutorial: say("child")}

    assert shown(CARD, onboarding, modality=CARD, afferent_paths=paths, default=say("default")) == ["default-test"]


@pytest.mark.parametrize(("given", "path"), [(CARD, onboarding), (CARD, None), (DECK, api), (DECK, None), (None, None)])
def test_the_default_serves_every_run_that_nothing_else_serves(given: Any, path: Any) -> None:
    declared = {"modality": CARD, "afferent_paths": {ui: say("real")}, "default": say("default")}

    assert shown(given, path, **declared) == ["default-test"]


@pytest.mark.parametrize(("path", "text"), [(onboarding, "<AfferentPath onboarding>"), (None, "None")])
def test_a_path_without_a_handler_fails_the_task(path: Any, text: str) -> None:
    error = failure(CARD, path, modality=CARD, afferent_paths={ui: say("real")})

    assert isinstance(error, NoHandlerError)
    assert str(error).startswith(f"neuron screen has no handler for afferent path {text} on opened and no default")


@pytest.mark.parametrize(("given", "text"), [(DECK, "<Modality deck>"), (None, "None")])
def test_a_modality_without_a_handler_fails_the_task(given: Any, text: str) -> None:
    error = failure(given, None, modality=CARD, afferent_paths={ui: say("real")})

    assert isinstance(error, NoHandlerError)
    assert str(error).startswith(f"neuron screen has no handler for modality {text} on opened and no default")


TWO: dict[str, Any] = {
    "modalities": [
        {"modality": CARD, "afferent_paths": {ui: say("card-ui")}, "default": say("card-default")},
        {"modality": DECK, "default": say("deck-default")},
    ]
}


def test_one_dendrite_serves_several_modalities() -> None:
    assert shown(CARD, ui, **TWO) == ["card-ui-test"]
    assert shown(DECK, api, **TWO) == ["deck-default-test"]


def test_the_default_of_the_modality_wins_over_that_of_the_dendrite() -> None:
    assert shown(CARD, onboarding, **TWO, default=say("global")) == ["card-default-test"]
    assert shown(CARD, None, **TWO, default=say("global")) == ["card-default-test"]
    assert shown(None, None, **TWO, default=say("global")) == ["global-test"]


async def test_an_asynchronous_variant_is_awaited() -> None:
    async def later(payload: str) -> str:
        return f"async-{payload}"

    run, viewer = run_of(CARD, ui, modality=CARD, afferent_paths={ui: later})
    await run

    assert viewer == ["async-test"]


@pytest.mark.parametrize("default", [None, say("default")], ids=["all asynchronous", "one synchronous"])
async def test_an_asynchronous_output_is_awaited(default: Any) -> None:
    async def later(payload: str) -> str:
        return f"async-{payload}"

    async def show_later(result: str, axon: Outputs, ctx: Any) -> Signal[str]:
        return axon.shown.create_signal(f"{result}-{ctx.stimulation.options.modality.name}")

    viewer: list[str] = []
    screen = neuron(Outputs).modality_dendrite(
        opened, output=show_later, modality=CARD, afferent_paths={ui: later}, default=default
    )
    cns = CNS([screen, neuron({}).dendrite(Outputs.shown, viewer.append)])
    await cns.stimulate(opened.create_signal("test"), modality=CARD, afferent_path=ui)

    assert viewer == ["async-test-card"]


def test_an_output_may_emit_nothing_or_several_signals() -> None:
    screen = neuron(Outputs).modality_dendrite(
        opened, output=lambda count, axon: [axon.shown.create_signal("x")] * count, default=len
    )
    viewer: list[str] = []
    cns = CNS([screen, neuron({}).dendrite(Outputs.shown, viewer.append)])

    cns.stimulate([opened.create_signal(""), opened.create_signal("abc")])

    assert viewer == ["x", "x", "x"]


def test_modality_and_path_can_be_read_on_every_hop() -> None:
    seen: list[Any] = []

    def listen(response: Response) -> None:
        seen.append((response.stimulation.options.modality, response.stimulation.options.afferent_path))

    cns = CNS([neuron(Outputs).modality_dendrite(opened, output=show, default=say("default"))])
    cns.stimulate(opened.create_signal("test"), modality=CARD, afferent_path=ui, on_response=listen)

    assert seen == [(CARD, ui), (CARD, ui)]


@pytest.mark.parametrize("given", [None, DECK])
def test_a_path_that_is_not_of_the_modality_does_not_start_a_run(given: Any) -> None:
    with pytest.raises(GraphError, match="is not a path of"):
        CNS([]).stimulate(opened.create_signal("test"), modality=given, afferent_path=ui)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "foreign path": ({"modality": CARD, "afferent_paths": {api: say("x")}}, "is not a path of <Modality card>"),
    "paths without modality": ({"afferent_paths": {ui: say("x")}}, "afferent_paths needs its modality"),
    "one and several": ({"modality": CARD, "modalities": []}, "give modality or modalities, not both"),
    "nothing": ({}, "nothing to handle it with"),
    "no modality": ({"modalities": [{"modality": "card"}]}, "'card' is not a modality"),
    "twice": ({"modalities": [{"modality": CARD}, {"modality": CARD}]}, "<Modality card> is given twice"),
    "no handler": ({"modality": CARD, "afferent_paths": {ui: 5}}, "<AfferentPath ui> is 5, which cannot be called"),
    "no default": ({"default": 5}, "default is 5, which cannot be called"),
    "no modality default": ({"modalities": [{"modality": CARD, "default": 5}]}, "which cannot be called"),
}


@pytest.mark.parametrize(("declared", "problem"), REFUSED.values(), ids=REFUSED)
def test_a_modality_dendrite_is_checked_when_it_is_declared(declared: dict[str, Any], problem: str) -> None:
    screen = neuron(Outputs, name="screen")

    with pytest.raises(GraphError, match=f"neuron screen, modality dendrite.*{problem}"):
        screen.modality_dendrite(opened, output=show, **declared)

    assert list(screen.dendrites) == []


def test_a_modality_dendrite_needs_a_collateral_and_an_output() -> None:
    with pytest.raises(GraphError, match="must be a collateral"):
        neuron(Outputs).modality_dendrite("opened", output=show, default=say("x"))  # type: ignore[arg-type]
    with pytest.raises(GraphError, match="output is None, which cannot be called"):
        neuron(Outputs).modality_dendrite(opened, output=None, default=say("x"))  # type: ignore[arg-type]


def test_a_failing_variant_fails_its_task_with_its_own_error() -> None:
    problem = ValueError("broken")

    def fail(payload: str) -> None:
        raise problem

    assert failure(CARD, ui, modality=CARD, afferent_paths={ui: fail}) is problem


async def test_a_time_limit_holds_where_every_variant_is_asynchronous() -> None:
    async def later(payload: str) -> str:
        return payload

    screen = neuron(Outputs, max_duration=60.0)
    screen.modality_dendrite(opened, output=show, default=later)

    with pytest.raises(GraphError, match="plain function"):
        screen.modality_dendrite(opened, output=show, default=say("x"))
