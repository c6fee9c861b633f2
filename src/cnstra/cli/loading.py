"""Finding the objects that a command is about: a runner, a worker, a registry."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from inspect import isawaitable, isfunction
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final, cast, final

from cnstra.cli.ending import CommandError
from cnstra.core.cns import CNS
from cnstra.durable import DurableRunner
from cnstra.persist.registry import CNSPersistOptionsRegistry
from cnstra.workers import BrokerWorker

__all__ = ["load_function", "load_graph", "load_registry", "load_runner", "load_worker"]


@final
@dataclass(frozen=True, slots=True)
class Kind:
    """What a command wants.

    Attributes:
        word: What it is called in a call.
        example: How it may be named.
        types: Of which classes it may be.
    """

    word: str
    example: str
    types: tuple[type[Any], ...]

    @property
    def names(self) -> str:
        """The names of the classes."""
        return " or ".join(f"a {one.__name__}" for one in self.types)


_RUNNER: Final = Kind("runner", "myapp.runs:runner", (DurableRunner,))
_WORKER: Final = Kind("runner", "myapp.runs:runner", (DurableRunner, BrokerWorker))
_GRAPH: Final = Kind("graph", "myapp.graph:cns", (CNS, DurableRunner))
_FUNCTION: Final = Kind("function", "myapp.secrets:redact", (FunctionType,))
_REGISTRY: Final = Kind("registry", "myapp.names:registry", (CNSPersistOptionsRegistry, DurableRunner))


async def load_runner(target: str, directory: Path) -> DurableRunner:
    """Return the runner that *target* names; it is not open.

    Args:
        target: ``module:name``, where the name, which may have dots, is that of a runner, or of a function that takes
            nothing and returns or awaits one.
        directory: Where modules are looked for first, as an absolute path.

    Raises:
        CommandError: If there is no such runner.
    """
    return cast("DurableRunner", await _load(target, directory, _RUNNER))


async def load_worker(target: str, directory: Path) -> DurableRunner | BrokerWorker:
    """Return the runner, or the worker on a broker, that *target* names; see `load_runner`.

    Raises:
        CommandError: If there is none.
    """
    return cast("DurableRunner | BrokerWorker", await _load(target, directory, _WORKER))


async def load_graph(target: str, directory: Path) -> CNS[Any] | DurableRunner:
    """Return the graph, or the runner that has one, that *target* names; see `load_runner`.

    Raises:
        CommandError: If there is none.
    """
    return cast("CNS[Any] | DurableRunner", await _load(target, directory, _GRAPH))


async def load_registry(target: str, directory: Path) -> CNSPersistOptionsRegistry | DurableRunner:
    """Return the registry, or the runner that has one, that *target* names; see `load_runner`.

    Raises:
        CommandError: If there is none.
    """
    return cast("CNSPersistOptionsRegistry | DurableRunner", await _load(target, directory, _REGISTRY))


def load_function(target: str, directory: Path) -> Callable[..., Any]:
    """Return the function, or anything else that can be called, that *target* names; see `load_runner`.

    Raises:
        CommandError: If there is none.
    """
    found = _found(target, directory, _FUNCTION)
    if not callable(found):
        raise CommandError(f"{target} is {_brief(found)}; it must be a function")
    return cast("Callable[..., Any]", found)


async def _load(target: str, directory: Path, kind: Kind) -> object:
    found = _found(target, directory, kind)
    if not isinstance(found, kind.types) and callable(found):
        found = await _made_by(found, target)
    if not isinstance(found, kind.types):
        raise CommandError(f"{target} is {_brief(found)}; it must be {kind.names}, or a function that returns one")
    return found


def _found(target: str, directory: Path, kind: Kind) -> object:
    module_name, separator, path = target.partition(":")
    if not (module_name and separator and path):
        raise CommandError(f"{target!r} names no {kind.word}; say MODULE:{kind.word.upper()}, such as {kind.example}")
    place = str(directory)
    if place not in sys.path:
        sys.path.insert(0, place)
    return _attribute(_module(module_name, place), path, target, kind)


def _module(name: str, place: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise CommandError(f"there is no module {error.name!r} in {place}; --dir says where to look") from error
        raise _failed(f"importing {name}", error) from error
    except Exception as error:
        raise _failed(f"importing {name}", error) from error


def _attribute(module: ModuleType, path: str, target: str, kind: Kind) -> Any:
    found: Any = module
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            known = _candidates(found, kind)
            near = get_close_matches(name, known, n=1) or known[:1]
            hint = f"; did you mean {near[0]}?" if near else ""
            raise CommandError(f"{target}: {_brief(found)} has no {name!r}{hint}") from error
    return found


def _candidates(owner: Any, kind: Kind) -> list[str]:
    """Return what may have been meant: names of what is wanted, then of functions that were defined there."""
    names = vars(owner) if hasattr(owner, "__dict__") else {}
    wanted = [name for name, value in names.items() if isinstance(value, kind.types)]
    home = getattr(owner, "__name__", None)
    return wanted + [name for name, value in names.items() if isfunction(value) and value.__module__ == home]


async def _made_by(factory: Any, target: str) -> Any:
    try:
        made = factory()
        return await made if isawaitable(made) else made
    except Exception as error:
        raise _failed(f"calling {target}()", error) from error


def _failed(what: str, error: Exception) -> CommandError:
    """Return an error of one line that says where the user's own code has failed."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return CommandError(f"{what} failed with {type(error).__name__}: {error}{where}")


def _brief(value: Any) -> str:
    if isinstance(value, ModuleType):
        return f"module {value.__name__}"
    return f"a {type(value).__name__}"
