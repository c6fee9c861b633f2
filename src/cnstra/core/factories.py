"""Ways to make a neuron, with or without declared types of its context value and of the global object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, overload

from cnstra.core.axons import Axon, build_axon
from cnstra.core.generics import C, G, PaddedGeneric
from cnstra.core.neurons import Neuron
from cnstra.core.signals import Collateral

__all__ = ["NeuronFactory", "neuron", "neuron_factory", "with_ctx", "with_global"]

X = TypeVar("X", bound=Axon)
CT = TypeVar("CT")
GT = TypeVar("GT")

# It says `type[T] | None` where `type[T]` is meant: for that alone, mypy refuses abstract classes and protocols.


class NeuronFactory(PaddedGeneric, Generic[C, G]):
    """Makes neurons whose handlers know the type of ``ctx.get()`` and of ``ctx.global_``."""

    __slots__ = ("_context_type",)

    def __init__(self, context_type: Any = None) -> None:
        self._context_type = context_type

    @overload
    def with_ctx(self, context_type: None = None) -> NeuronFactory[Any, G]: ...
    @overload
    def with_ctx(self, context_type: type[CT] | None) -> NeuronFactory[CT, G]: ...
    @overload
    def with_ctx(self, context_type: Any) -> NeuronFactory[Any, G]: ...
    def with_ctx(self, context_type: Any = None) -> NeuronFactory[Any, G]:
        """Declare the type of the neurons' context value; stored values are read back as this type."""
        return NeuronFactory(context_type)

    @overload
    def with_global(self, global_type: None = None) -> NeuronFactory[C, Any]: ...
    @overload
    def with_global(self, global_type: type[GT] | None) -> NeuronFactory[C, GT]: ...
    @overload
    def with_global(self, global_type: Any) -> NeuronFactory[C, Any]: ...
    def with_global(self, global_type: Any = None) -> NeuronFactory[C, Any]:
        """Declare the type of the global object that the CNS will be built with."""
        del global_type  # for the type checker alone
        return NeuronFactory(self._context_type)

    @overload
    def neuron(
        self,
        axon: type[X],
        *,
        concurrency: int | None = None,
        max_duration: float | None = None,
        name: str | None = None,
    ) -> Neuron[X, C, G]: ...
    @overload
    def neuron(
        self,
        axon: Mapping[str, Collateral[Any]],
        *,
        concurrency: int | None = None,
        max_duration: float | None = None,
        name: str | None = None,
    ) -> Neuron[Any, C, G]: ...
    def neuron(
        self,
        axon: Any,
        *,
        concurrency: int | None = None,
        max_duration: float | None = None,
        name: str | None = None,
    ) -> Neuron[Any, C, G]:
        """Make a neuron; the arguments are those of `cnstra.neuron`."""
        made: Neuron[Any, C, G] = Neuron(build_axon(axon), name=name, context_type=self._context_type)
        return made.set_concurrency(concurrency).set_max_duration(max_duration)


@overload
def neuron(
    axon: type[X], *, concurrency: int | None = None, max_duration: float | None = None, name: str | None = None
) -> Neuron[X, Any, Any]: ...
@overload
def neuron(
    axon: Mapping[str, Collateral[Any]],
    *,
    concurrency: int | None = None,
    max_duration: float | None = None,
    name: str | None = None,
) -> Neuron[Any, Any, Any]: ...
def neuron(
    axon: Any, *, concurrency: int | None = None, max_duration: float | None = None, name: str | None = None
) -> Neuron[Any, Any, Any]:
    """Make a neuron that may emit the collaterals of *axon*.

    Args:
        axon: A subclass of `Axon`, or a mapping of names to collaterals.
        concurrency: See `Neuron.set_concurrency`.
        max_duration: See `Neuron.set_max_duration`; seconds.
        name: For logs and errors.

    Raises:
        GraphError: If *axon* is neither, or a limit is 0 or less.
    """
    return NeuronFactory[Any, Any]().neuron(axon, concurrency=concurrency, max_duration=max_duration, name=name)


def neuron_factory() -> NeuronFactory[Any, Any]:
    """Start declaring types: ``neuron_factory().with_ctx(T).with_global(G).neuron(axon)``, in any order."""
    return NeuronFactory()


@overload
def with_ctx(context_type: None = None) -> NeuronFactory[Any, Any]: ...
@overload
def with_ctx(context_type: type[CT] | None) -> NeuronFactory[CT, Any]: ...
@overload
def with_ctx(context_type: Any) -> NeuronFactory[Any, Any]: ...
def with_ctx(context_type: Any = None) -> NeuronFactory[Any, Any]:
    """Make neurons whose context value is a *context_type*: a class, or any type form such as ``int | None``."""
    return NeuronFactory(context_type)


@overload
def with_global(global_type: None = None) -> NeuronFactory[Any, Any]: ...
@overload
def with_global(global_type: type[GT] | None) -> NeuronFactory[Any, GT]: ...
@overload
def with_global(global_type: Any) -> NeuronFactory[Any, Any]: ...
def with_global(global_type: Any = None) -> NeuronFactory[Any, Any]:
    """Make neurons for a CNS whose global object is a *global_type*."""
    del global_type  # for the type checker alone
    return NeuronFactory()
