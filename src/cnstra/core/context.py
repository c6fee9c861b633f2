"""What a handler gets as its third argument, and the store of a run's per-neuron values."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol

from cnstra.core.generics import C, G, PaddedGeneric
from cnstra.errors import CNSError, PayloadError, UnknownName

if TYPE_CHECKING:
    from cnstra.core.abort import AbortSignal
    from cnstra.core.cns import CNS
    from cnstra.core.neurons import Neuron
    from cnstra.core.signals import Collateral
    from cnstra.core.stimulation import Stimulation
    from cnstra.core.subscribers import Activation, Subscriber

__all__ = ["CNSStimulationContextStore", "ContextNames", "ContextStore", "HandlerContext"]


class ContextStore(Protocol):
    """Where the values of a run's neurons are kept; `stimulate(ctx=...)` takes any object of this shape."""

    def get(self, neuron: Neuron[Any], /) -> Any:
        """Return the value of *neuron*, or ``None``."""

    def set(self, neuron: Neuron[Any], value: Any, /) -> None:
        """Replace the value of *neuron*."""

    def delete(self, neuron: Neuron[Any], /) -> None:
        """Forget the value of *neuron*; an absent one is not an error."""

    def get_all(self) -> dict[Neuron[Any], Any]:
        """Return a copy of all values."""
        ...

    def set_all(self, values: Mapping[Neuron[Any], Any], /) -> None:
        """Replace all values."""


class ContextNames(Protocol):
    """What the store needs of a registry to write values by name; `CNSPersistOptionsRegistry` is one."""

    def get_neuron(self, name: str, /) -> Neuron[Any] | None:
        """Return the neuron of *name*."""

    def get_neuron_name(self, neuron: Neuron[Any], /) -> str | None:
        """Return the name of *neuron*."""

    def dump_context(self, neuron: Neuron[Any], value: Any, /) -> Any:
        """Return *value* as JSON-safe data."""

    def load_context(self, neuron: Neuron[Any], data: Any, /) -> Any:
        """Return the value that *data* was made of."""


class CNSStimulationContextStore:
    """The values of one run, one per neuron; can be written as JSON-safe data and restored in another process.

    Args:
        registry: Gives the neurons their stored names, and the values their declared types. Without one, `serialize`
            uses the neurons' labels, and takes plain JSON values only.
    """

    __slots__ = ("_registry", "_restored", "_values")

    def __init__(self, registry: ContextNames | None = None) -> None:
        self._registry = registry
        self._values: dict[Neuron[Any], Any] = {}
        self._restored: dict[str, Any] = {}  # by label, until the neuron itself asks for it

    def get(self, neuron: Neuron[Any], /) -> Any:
        """Return the value of *neuron*, or ``None``."""
        if self._restored:
            self._adopt(neuron)
        return self._values.get(neuron)

    def set(self, neuron: Neuron[Any], value: Any, /) -> None:
        """Replace the value of *neuron*."""
        if self._restored:
            self._restored.pop(neuron.label, None)
        self._values[neuron] = value

    def delete(self, neuron: Neuron[Any], /) -> None:
        """Forget the value of *neuron*; an absent one is not an error."""
        if self._restored:
            self._restored.pop(neuron.label, None)
        self._values.pop(neuron, None)

    def get_all(self) -> dict[Neuron[Any], Any]:
        """Return a copy of all values; the values themselves are not copied."""
        return dict(self._values)

    def set_all(self, values: Mapping[Neuron[Any], Any], /) -> None:
        """Replace all values by *values*."""
        self._restored.clear()
        self._values = dict(values)

    def serialize(self) -> dict[str, Any]:
        """Return JSON-safe data, by name of the neuron.

        Raises:
            PayloadError: If a value cannot come back unchanged, or if two neurons have one label and no registry tells
                them apart.
            UnknownName: If the registry does not know a neuron.
        """
        data = dict(self._restored)
        for neuron, value in self._values.items():
            name = self._name_of(neuron)
            if name in data:
                raise PayloadError(
                    f"context of neuron {name}", "$", "two neurons have this label; give the store a registry"
                )
            if self._registry is None:
                data[name] = _plain(value, name)
            else:
                data[name] = self._registry.dump_context(neuron, value)
        return data

    def restore(self, data: Mapping[str, Any]) -> None:
        """Replace all values by those that `serialize` wrote.

        Raises:
            UnknownName: If the registry has no neuron of a name in *data*; nothing is changed then.
        """
        if self._registry is None:
            self._values = {}
            self._restored = {name: _plain(value, name) for name, value in data.items()}
            return
        values = {}
        for name, value in data.items():
            neuron = self._registry.get_neuron(name)
            if neuron is None:
                raise UnknownName("neuron", name, "its context cannot be restored: register the neuron, or an alias")
            values[neuron] = self._registry.load_context(neuron, value)
        self.set_all(values)

    def adopt(self, neurons: Iterable[Neuron[Any]]) -> None:
        """Give the values that `restore` has read to the neurons of their labels; a run does this when it starts."""
        if self._restored:
            for neuron in neurons:
                self._adopt(neuron)

    def _adopt(self, neuron: Neuron[Any]) -> None:
        if neuron.label in self._restored:
            self._values[neuron] = self._restored.pop(neuron.label)

    def _name_of(self, neuron: Neuron[Any]) -> str:
        if self._registry is None:
            return neuron.label
        name = self._registry.get_neuron_name(neuron)
        if name is None:
            raise UnknownName("neuron", neuron.label, "its context cannot be stored: register the neuron")
        return name


class HandlerContext(PaddedGeneric, Generic[C, G]):
    """The third argument of a handler: this neuron's value in this run, and what the run was given.

    Its type parameters are the type of the value and that of `global_`; both may be left out.
    """

    __slots__ = ("_activation", "_activation_id", "_stimulation", "_subscriber")

    def __init__(self, stimulation: Stimulation, subscriber: Subscriber, activation: Activation | None) -> None:
        self._stimulation = stimulation
        self._subscriber = subscriber
        self._activation = activation

    def get(self) -> C | None:
        """Return this neuron's value in this run, or ``None``."""
        self._touch()
        value: C | None = self._stimulation._context_store().get(self._subscriber.neuron)
        return value

    def set(self, value: C) -> None:
        """Replace this neuron's value in this run."""
        self._touch()
        self._stimulation._context_store().set(self._subscriber.neuron, value)

    def delete(self) -> None:
        """Forget this neuron's value in this run."""
        self._touch()
        self._stimulation._context_store().delete(self._subscriber.neuron)

    def _touch(self) -> None:
        activation = self._activation
        if activation is not None and activation.record is not None:
            activation.record.touched = True

    @property
    def abort_signal(self) -> AbortSignal:
        """The signal that the caller gave, else one that `Stimulation.abort` raises."""
        return self._stimulation.abort_signal

    @property
    def cns(self) -> CNS[G]:
        """The graph that runs."""
        return self._stimulation.cns

    @property
    def neuron(self) -> Neuron[Any]:
        """The neuron whose handler this is."""
        return self._subscriber.neuron

    @property
    def collateral(self) -> Collateral[Any]:
        """The collateral that its dendrite is bound to."""
        return self._subscriber.dendrite.collateral

    @property
    def stimulation(self) -> Stimulation:
        """The run."""
        return self._stimulation

    @property
    def stimulation_context(self) -> Any:
        """What the caller passed to `stimulate`, the same object on every hop."""
        return self._stimulation.options.stimulation_context

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The JSON data that a durable run was started with, also after a resume; empty for a run in memory."""
        return self._stimulation.options.metadata

    @property
    def global_(self) -> G:
        """The object that the CNS was built with."""
        global_: G = self._stimulation.cns.global_
        return global_

    @property
    def activation_id(self) -> str:
        """The idempotency key of this activation.

        In a durable run it is the same each time this very activation is run again; in memory it is a random one.
        """
        if self._activation is not None and self._activation.record is not None:
            return self._activation.record.id
        try:
            return self._activation_id
        except AttributeError:
            self._activation_id: str = os.urandom(16).hex()
            return self._activation_id

    @property
    def connection(self) -> Any:
        """The database connection on which this hop commits, with a transaction begun: for ``transactional=True``.

        A ``sqlite3.Connection`` on a `SqliteStore`, a ``psycopg.AsyncConnection`` on a `PostgresStore`. It is the
        handler's until the handler is over; it must not be committed or rolled back there.

        Raises:
            CNSError: If the handler is not declared with ``transactional=True``, or the run is not durable.
        """
        record = None if self._activation is None else self._activation.record
        if record is None or record.connection is None:
            raise CNSError(
                f"{self._subscriber.describe()} has no ctx.connection: declare its dendrite with transactional=True, "
                "and run it by a DurableRunner; the connection is there until the handler is over"
            )
        return record.connection

    @property
    def attempt_number(self) -> int:
        """Which start or resume of the run this is, counted from 1."""
        return self._stimulation.attempt_number


def _plain(value: Any, name: str) -> Any:
    """Return a deep copy of *value* made by JSON; refuse what JSON would change."""
    import json  # 4 ms, and only a store without a registry needs it

    where = f"context of neuron {name}"
    try:
        copy = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise PayloadError(where, "$", f"not plain JSON ({error}); give the store a registry") from error
    if not _same(copy, value):
        raise PayloadError(where, "$", "JSON would change this value; give the store a registry")
    return copy


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
