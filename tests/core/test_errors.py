from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest

from cnstra import errors
from cnstra.errors import (
    BindingError,
    CNSError,
    EventLoopRequired,
    Fenced,
    GraphError,
    HandlerReturnError,
    MaxNeuronHopsExceeded,
    NameConflict,
    NeuronTimeout,
    NoHandlerError,
    PayloadError,
    PersistenceError,
    RecordedFailure,
    RunExists,
    RunFinished,
    RunNotFound,
    RunNotReady,
    StimulationAborted,
    StimulationFailed,
    StoreError,
    SubscriberNotFound,
    UnknownName,
)

# Each error as it may come, and what a person must find in its text.
EXAMPLES: list[tuple[BaseException, tuple[str, ...]]] = [
    (CNSError("something"), ("something",)),
    (GraphError("the graph"), ("the graph",)),
    (BindingError("mailer", ("placed",), ("shipped",)), ("mailer", "'placed'", "'shipped'")),
    (EventLoopRequired("the handler of neuron parser"), ("the handler of neuron parser", "cns.run(")),
    (RunFinished(), ("has ended", "cns.activate(")),
    (HandlerReturnError("parser", "started", "'text' (str)"), ("parser", "started", "'text' (str)", "one signal")),
    (NoHandlerError("screen", "opened", "modality", "<Modality card>"), ("screen", "opened", "<Modality card>")),
    (SubscriberNotFound("parser", "started"), ("subscriber not found", "parser", "started")),
    (NeuronTimeout("parser", 0.25), ("parser", "max_duration", "0.25 s")),
    (MaxNeuronHopsExceeded("parser", 3), ("parser", "max_neuron_hops=3")),
    (StimulationFailed("Stimulation completed with 1 failed task", [ValueError("x")]), ("1 failed task",)),
    (StimulationAborted(), ("Stimulation aborted",)),
    (StimulationAborted("closing"), ("Stimulation aborted: closing",)),
    (PersistenceError("the disk"), ("the disk",)),
    (NameConflict("neuron", "parser", "<Neuron other>"), ("neuron", "'parser'", "<Neuron other>")),
    (UnknownName("neuron", "parser"), ("neuron", "'parser'", "register it")),
    (UnknownName("neuron", "parser", "did you mean 'parsers'?"), ("'parser'", "did you mean 'parsers'?")),
    (PayloadError("collateral card", "$.image", "bytes"), ("collateral card", "$.image", "bytes")),
    (RecordedFailure("ValueError", "broken"), ("ValueError: broken",)),
    (RunNotFound("import-1"), ("'import-1'",)),
    (RunExists("import-1", "running"), ("'import-1'", "running")),
    (RunNotReady("import-1", "completed", "clone it"), ("'import-1'", "completed", "clone it")),
    (StoreError("sqlite:///x.db"), ("sqlite:///x.db",)),
    (Fenced("import-1", 3), ("'import-1'", "fence 3")),
]


def test_every_error_has_an_example_here() -> None:
    classes = {value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, BaseException)}

    assert {type(error) for error, _ in EXAMPLES} == classes
    assert {one.__name__ for one in classes} == set(errors.__all__)


@pytest.mark.parametrize(("error", "parts"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_text_of_an_error_says_what_it_is_about(error: BaseException, parts: tuple[str, ...]) -> None:
    assert all(part in str(error) for part in parts)


@pytest.mark.parametrize(("error", "parts"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_error_survives_pickling(error: BaseException, parts: tuple[str, ...]) -> None:
    copy: Any = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert str(copy) == str(error)
    fields = {name: value for name, value in vars(error).items() if name != "__notes__"}
    assert {name: vars(copy)[name] for name in fields} == fields


@pytest.mark.parametrize("error", [error for error, _ in EXAMPLES], ids=range(len(EXAMPLES)))
def test_every_error_is_a_cns_error(error: BaseException) -> None:
    assert isinstance(error, CNSError)
    assert type(error).__doc__


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (GraphError(), ValueError),
        (BindingError("n"), ValueError),
        (EventLoopRequired("x"), RuntimeError),
        (RunFinished(), RuntimeError),
        (HandlerReturnError("n", "c", "5"), TypeError),
        (NoHandlerError("n", "c", "w", "g"), LookupError),
        (SubscriberNotFound("n", "c"), LookupError),
        (NeuronTimeout("n", 1), TimeoutError),
        (PayloadError("w", "$", "p"), ValueError),
        (UnknownName("neuron", "n"), LookupError),
        (RunNotFound("r"), LookupError),
        (Fenced("r", 1), StoreError),
    ],
    ids=range(12),
)
def test_an_error_is_also_the_builtin_kind_that_people_catch(error: Exception, builtin: type[Exception]) -> None:
    assert isinstance(error, builtin)


def test_a_failed_run_is_caught_by_the_kind_of_its_members() -> None:
    problem = ValueError("x")
    caught: list[BaseException] = []

    try:
        raise StimulationFailed("2 failed tasks", [problem, KeyError("y")])
    except* ValueError as group:
        caught.extend(group.exceptions)
    except* KeyError:
        pass

    assert caught == [problem]


def test_a_part_of_a_failed_run_is_of_the_same_kind() -> None:
    matching, rest = StimulationFailed("2 failed tasks", [ValueError("x"), KeyError("y")]).split(ValueError)

    assert type(matching) is type(rest) is StimulationFailed
