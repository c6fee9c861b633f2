"""Neurons: an axon that may be emitted on, and dendrites that take signals in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, overload

from cnstra.core.axons import Axon, build_axon, collaterals_of
from cnstra.core.dendrites import Dendrite
from cnstra.core.generics import C, G, PaddedGeneric
from cnstra.core.handlers import Handler, HandlerDecorator, HandlerReturn
from cnstra.core.modality import AfferentPath, Modality, ModalityResponse, ModalityRoute
from cnstra.core.signals import Collateral, require_collateral
from cnstra.errors import BindingError, GraphError

if TYPE_CHECKING:
    from typing import TypeAlias

    from cnstra.core.context import HandlerContext
    from cnstra.core.signals import Channel

    BindingTarget: TypeAlias = "Neuron[Any] | type[Axon] | Axon | Mapping[str, Collateral[Any]]"

__all__ = ["Neuron"]

A = TypeVar("A")
P = TypeVar("P")
K = TypeVar("K", bound=type)


class Neuron(PaddedGeneric, Generic[A, C, G]):
    """A step of the graph: what it may emit, and what it does with what it receives.

    `neuron` makes it; its methods add to it and return it, so that they chain. It is frozen when a CNS is built of it.

    Attributes:
        axon: The collaterals that it may emit.
        name: For logs and errors; stored names are given by the registry.
        context_type: The declared type of its context value (`with_ctx`), or ``None``.
    """

    __slots__ = (
        "__weakref__",
        "_concurrency",
        "_dendrites",
        "_frozen",
        "_max_duration",
        "axon",
        "context_type",
        "name",
    )

    def __init__(self, axon: A, *, name: str | None = None, context_type: Any = None) -> None:
        self.axon = axon
        self.name = name
        self.context_type = context_type
        self._dendrites: list[Dendrite] = []
        self._concurrency: int | None = None
        self._max_duration: float | None = None
        self._frozen = False

    @property
    def dendrites(self) -> Sequence[Dendrite]:
        """Its dendrites in the order of declaration."""
        return tuple(self._dendrites)

    @property
    def concurrency(self) -> int | None:
        """How many of its bodies may run at once in one CNS, across all runs; ``None`` is no limit."""
        return self._concurrency

    @property
    def max_duration(self) -> float | None:
        """After how many seconds one of its handlers is cancelled; ``None`` is no limit."""
        return self._max_duration

    @property
    def label(self) -> str:
        """Its name, or something that a person can tell it by."""
        if self.name is not None:
            return self.name
        if type(self.axon) is not Axon and type(self.axon).__name__ != "Axon":
            return type(self.axon).__name__
        names = collaterals_of(cast("Axon", self.axon)) or [dendrite.collateral.label for dendrite in self._dendrites]
        return f"neuron({', '.join(names)})"

    def dendrites_on(self, collateral: Collateral[Any]) -> list[Dendrite]:
        """Return its dendrites on *collateral* in the order of declaration."""
        return [dendrite for dendrite in self._dendrites if dendrite.collateral is collateral]

    def set_concurrency(self, limit: int | None) -> Self:
        """Let at most *limit* of its bodies run at once in one CNS, across all runs, first come first served.

        Raises:
            GraphError: If *limit* is not a whole number of 1 or more.
        """
        self._require_open()
        self._concurrency = positive_int(limit, f"the concurrency of neuron {self.label}")
        return self

    def set_max_duration(self, seconds: float | None) -> Self:
        """Cancel a handler of this neuron that takes longer than *seconds*; its task fails with `NeuronTimeout`.

        Raises:
            GraphError: If *seconds* is not above 0, or a handler of this neuron is a plain function, which nothing can
                stop.
        """
        self._require_open()
        if seconds is not None and not _is_duration(seconds):
            raise GraphError(
                f"the max_duration of neuron {self.label} must be a number of seconds above 0, not {seconds!r}"
            )
        for dendrite in self._dendrites:
            self._require_stoppable(dendrite, seconds)
        self._max_duration = seconds
        return self

    # One overload for each number of arguments: only from a single signature does mypy know the types of a lambda's.
    @overload
    def dendrite(
        self,
        collateral: Collateral[P] | Sequence[Channel[P]],
        response: Callable[[P], HandlerReturn],
        *,
        in_thread: bool = False,
        transactional: bool = False,
    ) -> Self: ...
    @overload
    def dendrite(
        self,
        collateral: Collateral[P] | Sequence[Channel[P]],
        response: Callable[[P, A], HandlerReturn],
        *,
        in_thread: bool = False,
        transactional: bool = False,
    ) -> Self: ...
    @overload
    def dendrite(
        self,
        collateral: Collateral[P] | Sequence[Channel[P]],
        response: Callable[[P, A, HandlerContext[C, G]], HandlerReturn],
        *,
        in_thread: bool = False,
        transactional: bool = False,
    ) -> Self: ...
    @overload
    def dendrite(
        self,
        collateral: Collateral[P] | Sequence[Channel[P]],
        response: Callable[[], HandlerReturn],
        *,
        in_thread: bool = False,
        transactional: bool = False,
    ) -> Self: ...
    @overload  # for lambdas: mypy finds no payload type for one that takes several
    def dendrite(
        self,
        collateral: Sequence[Collateral[Any]],
        response: Handler[object, A, C, G],
        *,
        in_thread: bool = False,
        transactional: bool = False,
    ) -> Self: ...
    @overload
    def dendrite(
        self,
        collateral: Collateral[P] | Sequence[Collateral[P]],
        *,
        in_thread: bool = False,
        transactional: bool = False,
    ) -> HandlerDecorator[P, A, C, G]: ...
    @overload
    def dendrite(
        self, collateral: Sequence[Collateral[Any]], *, in_thread: bool = False, transactional: bool = False
    ) -> HandlerDecorator[Any, A, C, G]: ...
    def dendrite(
        self,
        collateral: Collateral[Any] | Sequence[Channel[Any]],
        response: Callable[..., Any] | None = None,
        *,
        in_thread: bool = False,
        transactional: bool = False,
    ) -> Any:
        """Handle the signals of *collateral* with *response*; a list makes one dendrite for each of its members.

        Args:
            collateral: One collateral, or several that share the handler.
            response: Takes ``()``, ``(payload)``, ``(payload, axon)`` or ``(payload, axon, ctx)`` and returns
                ``None``, a signal, a list or tuple of signals, or an awaitable of these.
            in_thread: Run a blocking function in a thread.
            transactional: In a durable run on SQLite or Postgres, give the handler ``ctx.connection``: what it writes
                there and the outcome of its hop are one commit, so each happens exactly once or not at all.

        Returns:
            This neuron; without *response* a decorator that returns the function as it is.

        Raises:
            GraphError: If *collateral* is no collateral, *response* cannot be called as a handler, or is transactional
                and takes no ctx.
        """
        self._require_open()
        if response is not None:
            return self._add(collateral, response, in_thread=in_thread, transactional=transactional)

        def declare(handler: Callable[..., Any]) -> Callable[..., Any]:
            self._add(collateral, handler, in_thread=in_thread, transactional=transactional)
            return handler

        return declare

    @overload
    def bind(self, axon: BindingTarget, handlers: Mapping[str, Handler[Any, A, C, G]]) -> Self: ...
    @overload
    def bind(self, axon: BindingTarget) -> Callable[[K], K]: ...
    def bind(self, axon: BindingTarget, handlers: Mapping[str, Callable[..., Any]] | None = None) -> Any:
        """Handle every collateral of *axon*, each with the handler of its name: exhaustively.

        Args:
            axon: Another neuron, an `Axon` class, or a mapping of names to collaterals.
            handlers: One handler a name. Without it, returns a class decorator: the class has one method a name, and is
                instantiated once, without arguments.

        Raises:
            BindingError: If a name of *axon* has no handler, or a handler (or public method) has no name in *axon*.
            GraphError: If a handler cannot be called as one, or the class cannot be instantiated without arguments.
        """
        self._require_open()
        collaterals = collaterals_of(build_axon(axon.axon if isinstance(axon, Neuron) else axon))
        if handlers is not None:
            return self._bind(collaterals, handlers)

        def declare(cls: K) -> K:
            methods = {name: None for name in dir(cls) if not name.startswith("_") and callable(getattr(cls, name))}
            self._require_exhaustive(collaterals, methods)
            try:
                instance = cls()
            except TypeError as error:
                raise GraphError(
                    f"{cls.__name__} is bound to neuron {self.label} without arguments, but {error}"
                ) from error
            self._bind(collaterals, {name: getattr(instance, name) for name in collaterals})
            return cls

        return declare

    def modality_dendrite(
        self,
        collateral: Collateral[Any],
        *,
        output: Callable[..., Any],
        modality: Modality | None = None,
        afferent_paths: Mapping[AfferentPath, Callable[..., Any]] | None = None,
        modalities: Sequence[ModalityRoute] | None = None,
        default: Callable[..., Any] | None = None,
    ) -> Self:
        """Handle *collateral* with a handler that the run's modality and afferent path pick.

        The path's own handler comes first, then its nearest ancestor's, then the modality's default, then *default*; if
        there is none, the task fails with `NoHandlerError`.

        Args:
            collateral: The collateral to listen on.
            output: ``output(result, axon, ctx)`` makes the signals of what the picked handler returned.
            modality: The one modality that is served, with *afferent_paths*.
            afferent_paths: A handler for each path.
            modalities: Several modalities, each ``{"modality": m, "afferent_paths": {...}, "default": h}``.
            default: Serves every run that nothing else serves.

        Raises:
            GraphError: If a path is not of its modality, or the arguments contradict each other.
        """
        self._require_open()
        where = f"neuron {self.label}, modality dendrite"
        require_collateral(collateral, where)
        if modality is not None and modalities is not None:
            raise GraphError(f"{where}: give modality or modalities, not both")
        if afferent_paths is not None and modality is None:
            raise GraphError(f"{where}: afferent_paths needs its modality")
        routes = list(modalities or ())
        if modality is not None:
            routes.append({"modality": modality, "afferent_paths": afferent_paths or {}})
        if not routes and default is None:
            raise GraphError(f"{where}: nothing to handle it with; give a modality or a default")
        return self._add(collateral, ModalityResponse(self.label, collateral.label, routes, default, output))

    def _bind(self, collaterals: Mapping[str, Collateral[Any]], handlers: Mapping[str, Callable[..., Any]]) -> Self:
        self._require_open()  # a decorator may come long after the call that made it
        self._require_exhaustive(collaterals, handlers)
        made = [self._made(collaterals[name], handlers[name]) for name in collaterals]
        self._dendrites.extend(made)
        return self

    def _require_exhaustive(self, collaterals: Mapping[str, Any], handlers: Mapping[str, Any]) -> None:
        missing = [name for name in collaterals if name not in handlers]
        unknown = [name for name in handlers if name not in collaterals]
        if missing or unknown:
            raise BindingError(self.label, missing, unknown)

    def _add(
        self, collateral: Any, response: Callable[..., Any], *, in_thread: bool = False, transactional: bool = False
    ) -> Self:
        self._require_open()
        several = collateral if isinstance(collateral, (list, tuple)) else [collateral]
        self._dendrites.extend(
            [self._made(one, response, in_thread=in_thread, transactional=transactional) for one in several]
        )
        return self

    def _made(
        self, collateral: object, response: Callable[..., Any], *, in_thread: bool = False, transactional: bool = False
    ) -> Dendrite:
        where = f"a handler of neuron {self.label}"
        one = require_collateral(collateral, f"the collateral of {where}")
        dendrite = Dendrite(one, response, f"{where} for {one.label}", in_thread=in_thread, transactional=transactional)
        self._require_stoppable(dendrite, self._max_duration)
        return dendrite

    def _require_stoppable(self, dendrite: Dendrite, max_duration: float | None) -> None:
        if max_duration is not None and not dendrite.is_stoppable:
            raise GraphError(
                f"neuron {self.label} has a max_duration, but its handler for {dendrite.collateral.label} is a plain "
                "function, which cannot be stopped: make it a coroutine function, or give in_thread=True"
            )

    def _require_open(self) -> None:
        if self._frozen:
            raise GraphError(f"neuron {self.label} is part of a CNS and cannot be changed any more")

    def freeze(self) -> None:
        """Refuse every further change; a CNS does this to the neurons that it is built of."""
        self._frozen = True

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __repr__(self) -> str:
        return f"<Neuron {self.label}>"


def _is_duration(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 and math.isfinite(value)


def positive_int(value: object, what: str) -> int | None:
    """Return *value* if it is ``None`` or a whole number of 1 or more.

    Raises:
        GraphError: If it is not; *what* names it.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise GraphError(f"{what} must be a whole number of 1 or more, not {value!r}")
    return value
