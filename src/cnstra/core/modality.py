"""Modalities and afferent paths: which variant of a step a run takes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn, NotRequired, TypedDict

from cnstra.core.handlers import arity_of, is_asynchronous, require_handler
from cnstra.errors import GraphError, NoHandlerError

__all__ = ["AfferentPath", "Modality", "ModalityRoute", "afferent_path", "modality"]


class _Identity:
    """Compared by identity, also after a copy; pickling would lose that identity and is refused."""

    __slots__ = ()

    def __copy__(self) -> _Identity:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> _Identity:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be pickled: its identity is the object; store its registered name")


class AfferentPath(_Identity):
    """One way into the graph; a handler for its nearest ancestor serves it where it has none of its own.

    Attributes:
        parent: The path that this one refines, or ``None``.
        name: For logs and errors.
    """

    __slots__ = ("name", "parent")

    def __init__(self, parent: AfferentPath | None = None, *, name: str | None = None) -> None:
        if parent is not None and not isinstance(parent, AfferentPath):
            raise GraphError(f"the parent of an afferent path is an afferent path, not {parent!r}")
        self.parent = parent
        self.name = name

    def lineage(self) -> Iterator[AfferentPath]:
        """Yield this path, its parent, and so on up to the root."""
        path: AfferentPath | None = self
        while path is not None:
            yield path
            path = path.parent

    def __repr__(self) -> str:
        return f"<AfferentPath {self.name or hex(id(self))}>"


class Modality(_Identity):
    """A set of afferent paths under keys of the user's choice.

    Attributes:
        afferent_paths: Key to path, read-only; keys keep their type and order.
        name: For logs and errors.
    """

    __slots__ = ("afferent_paths", "name")

    def __init__(self, afferent_paths: Mapping[Any, AfferentPath], *, name: str | None = None) -> None:
        for key, path in afferent_paths.items():
            if not isinstance(path, AfferentPath):
                raise GraphError(f"modality[{key!r}] must be an afferent path, not {path!r}")
            if path.name is None:
                path.name = str(key)
        self.afferent_paths: Mapping[Any, AfferentPath] = MappingProxyType(dict(afferent_paths))
        self.name = name

    def __contains__(self, path: object) -> bool:
        return any(path is own for own in self.afferent_paths.values())

    def key_of(self, path: AfferentPath) -> Hashable:
        """Return the key of *path*.

        Raises:
            GraphError: If *path* is not of this modality.
        """
        for key, own in self.afferent_paths.items():
            if own is path:
                return key  # type: ignore[no-any-return]  # keys may be of any hashable type
        raise GraphError(f"{path!r} is not a path of {self!r}; it has {list(self.afferent_paths)}")

    def __repr__(self) -> str:
        return f"<Modality {self.name or list(self.afferent_paths)}>"


def afferent_path(parent: AfferentPath | None = None, *, name: str | None = None) -> AfferentPath:
    """Make a path, optionally one that refines *parent*."""
    return AfferentPath(parent, name=name)


def modality(afferent_paths: Mapping[Any, AfferentPath], *, name: str | None = None) -> Modality:
    """Make a modality of the given paths, by key."""
    return Modality(afferent_paths, name=name)


class ModalityRoute(TypedDict):
    """One modality of a dendrite that serves several: its handlers by path, and its own default."""

    modality: Modality
    afferent_paths: NotRequired[Mapping[AfferentPath, Callable[..., Any]]]
    default: NotRequired[Callable[..., Any] | None]


class _Choice:
    """A handler of a modality dendrite with its arity."""

    __slots__ = ("arity", "handler")

    def __init__(self, handler: object, where: str) -> None:
        self.handler = require_handler(handler, where)
        self.arity = arity_of(self.handler, where)


class ModalityResponse:
    """The handler of a modality dendrite: picks the run's variant, calls it, and lets `output` make the signal.

    Called with (payload, axon, ctx); returns an awaitable where the picked handler, or `output`, does.
    """

    def __init__(
        self,
        neuron: str,
        collateral: str,
        routes: Sequence[ModalityRoute],
        default: Callable[..., Any] | None,
        output: Callable[..., Any],
    ) -> None:
        self._neuron = neuron
        self._collateral = collateral
        where = f"neuron {neuron}, modality dendrite on {collateral}"
        self._output = _Choice(output, f"{where}: output")
        self._default = None if default is None else _Choice(default, f"{where}: default")
        self._routes: dict[Modality, dict[AfferentPath | None, _Choice]] = {}
        for route in routes:
            self._add(route, where)

    def _add(self, route: ModalityRoute, where: str) -> None:
        own = route["modality"]
        if not isinstance(own, Modality):
            raise GraphError(f"{where}: {own!r} is not a modality")
        if own in self._routes:
            raise GraphError(f"{where}: {own!r} is given twice")
        choices: dict[AfferentPath | None, _Choice] = {}
        for path, handler in (route.get("afferent_paths") or {}).items():
            if path not in own:
                raise GraphError(f"{where}: {path!r} is not a path of {own!r}; it has {list(own.afferent_paths)}")
            choices[path] = _Choice(handler, f"{where}, {path!r}")
        if (default := route.get("default")) is not None:
            choices[None] = _Choice(default, f"{where}: default of {own!r}")
        self._routes[own] = choices

    @property
    def modalities(self) -> list[Modality]:
        """The modalities that it serves, in the order in which they were given."""
        return list(self._routes)

    @property
    def is_asynchronous(self) -> bool:
        """Whether every variant is known to return an awaitable."""
        choices = [choice for route in self._routes.values() for choice in route.values()]
        if self._default is not None:
            choices.append(self._default)
        return bool(choices) and all(is_asynchronous(choice.handler) for choice in choices)

    def __call__(self, payload: Any, axon: Any, ctx: Any) -> Any:
        options = ctx.stimulation.options
        choice = self._pick(options.modality, options.afferent_path)
        result = choice.handler(*(payload, axon, ctx)[: choice.arity])
        if hasattr(type(result), "__await__"):
            return self._finish(result, axon, ctx)
        return self._output.handler(*(result, axon, ctx)[: self._output.arity])

    async def _finish(self, result: Any, axon: Any, ctx: Any) -> Any:
        made = self._output.handler(*(await result, axon, ctx)[: self._output.arity])
        return await made if hasattr(type(made), "__await__") else made

    def _pick(self, given: Modality | None, path: AfferentPath | None) -> _Choice:
        choices = None if given is None else self._routes.get(given)
        if choices is None:
            if self._default is None:
                raise NoHandlerError(self._neuron, self._collateral, "modality", repr(given))
            return self._default
        for step in path.lineage() if path is not None else ():
            if step in choices:
                return choices[step]
        choice = choices.get(None) or self._default
        if choice is None:
            raise NoHandlerError(self._neuron, self._collateral, "afferent path", repr(path))
        return choice
