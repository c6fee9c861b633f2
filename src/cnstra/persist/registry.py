"""The registry: names and stored values of a graph, its runs under way, and what a resume would miss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, final

from cnstra.core.axons import collaterals_of
from cnstra.core.modality import Modality
from cnstra.core.neurons import Neuron
from cnstra.core.signals import Collateral
from cnstra.errors import GraphError, NameConflict, UnknownName
from cnstra.persist.checking import Graph, Problem, problems_of
from cnstra.persist.names import text_of_key
from cnstra.persist.table import Naming
from cnstra.persist.upcasting import FIRST, PayloadVersion, Upcast
from cnstra.persist.values import MAX_PAYLOAD_BYTES, StoredValues

if TYPE_CHECKING:
    from cnstra.core.stimulation import Stimulation

__all__ = ["CNSPersistOptionsRegistry"]


@final
class CNSPersistOptionsRegistry(StoredValues):
    """Maps the objects of a graph to stable names, so that runs can be stored and resumed by another process.

    ```python
    registry = (
        CNSPersistOptionsRegistry().register("deckNeuron", deck).register_collateral("importStarted", import_started)
    )
    ```

    Args:
        max_payload_bytes: The longest JSON text of one payload or context value, in bytes.
    """

    def __init__(self, *, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        super().__init__(max_payload_bytes=max_payload_bytes)
        self._stimulations: dict[str, Stimulation] = {}

    def register(
        self,
        name: str,
        neuron: Neuron[Any],
        collateral_names: Mapping[str, str] | None = None,
        *,
        aliases: Sequence[str] = (),
    ) -> Self:
        """Name *neuron*, and the collaterals of its axon; the same pair again is fine.

        Args:
            name: What the neuron is called in a store.
            neuron: The neuron.
            collateral_names: Names for collaterals, by their axon key; one that is left out is named by its key.
            aliases: Former names of the neuron: read, never written.

        Raises:
            NameConflict: If a name is held by another object, or an object has another name; nothing is changed then.
            UnknownName: If the axon has no such key.
        """
        _require(neuron, Neuron, "a neuron")
        collaterals = collaterals_of(neuron.axon)
        names = dict(collateral_names or {})
        for key in names.keys() - collaterals.keys():
            raise UnknownName("axon key", key, f"the axon of neuron {name!r} has {list(collaterals)}")
        hint = f" (say collateral_names={{<axon key>: <another name>}} where {name!r} is registered)"
        own = [Naming(name, neuron, _aliases(aliases))]
        theirs = [Naming(names.get(key, key), collateral, (), hint) for key, collateral in collaterals.items()]
        self._neurons.require_free(own)
        self._collaterals.require_free(theirs)
        self._neurons.add(own)
        self._collaterals.add(theirs)
        for collateral in collaterals.values():
            self._owners.setdefault(collateral, set()).add(neuron)
        return self

    def register_collateral(
        self,
        name: str,
        collateral: Collateral[Any],
        *,
        aliases: Sequence[str] = (),
        version: int | None = None,
        upcast: Mapping[int, Upcast] | None = None,
    ) -> Self:
        """Name *collateral*, and say which version its payloads have; the same pair again is fine.

        Args:
            name: What the collateral is called in a store.
            collateral: The collateral.
            aliases: Former names: read, never written.
            version: The version of the payloads that this code writes. Left out, it stays what it was: 1 at first.
            upcast: ``{1: fn}`` makes the JSON data of version 2 out of that of version 1, and so on.

        Raises:
            GraphError: If the version or a step is malformed.
            NameConflict: If another collateral holds the name, or this one has another name or another version.
        """
        _require(collateral, Collateral, "a collateral")
        wanted = [Naming(name, collateral, _aliases(aliases))]
        self._collaterals.require_free(wanted)
        known = self._versions.get(collateral)
        if known is not None and version not in (None, known.number):
            raise NameConflict("collateral", name, f"version {known.number}, which it was registered with")
        old = known or FIRST
        number = old.number if version is None else version
        made = PayloadVersion(number, old.upcasts if upcast is None else dict(upcast))
        if version is not None or upcast is not None:
            self._versions[collateral] = made
        self._collaterals.add(wanted)
        self._owners.setdefault(collateral, set()).add(None)
        return self

    def register_modality(self, name: str, modality: Modality, *, aliases: Sequence[str] = ()) -> Self:
        """Name *modality*; its paths are named by their keys.

        Raises:
            GraphError: If a key is no text, whole number or enum member, or two keys are the same as text.
            NameConflict: If the name is held by another modality, or the modality has another name.
        """
        _require(modality, Modality, "a modality")
        texts = [text_of_key(key) for key in modality.afferent_paths]
        if len(set(texts)) < len(texts):
            raise GraphError(f"the keys {list(modality.afferent_paths)} of {modality!r} are not different as text")
        wanted = [Naming(name, modality, _aliases(aliases))]
        self._modalities.require_free(wanted)
        self._modalities.add(wanted)
        return self

    def remove_neuron(self, name: str) -> None:
        """Forget the neuron of *name*, and the collaterals that only it registered; an unknown name is not an error."""
        neuron = self._neurons.get(name)
        if neuron is None:
            return
        self._neurons.remove(neuron)
        for collateral in collaterals_of(neuron.axon).values():
            owners = self._owners.get(collateral, set())
            owners.discard(neuron)
            if not owners:
                self._owners.pop(collateral, None)
                self._versions.pop(collateral, None)
                self._collaterals.remove(collateral)

    def add_stimulation(self, stimulation: Stimulation, *, stimulation_id: str) -> None:
        """Keep *stimulation* under *stimulation_id* until `remove_stimulation`; the same pair again is fine.

        Raises:
            NameConflict: If another run is kept under this id.
        """
        held = self._stimulations.setdefault(stimulation_id, stimulation)
        if held is not stimulation:
            raise NameConflict("stimulation", stimulation_id, f"{held!r}, which is under way; remove_stimulation first")

    def get_stimulation(self, stimulation_id: str) -> Stimulation | None:
        """Return the run that is kept under *stimulation_id*."""
        return self._stimulations.get(stimulation_id)

    def remove_stimulation(self, stimulation_id: str) -> None:
        """Forget the run under *stimulation_id*; an unknown id is not an error."""
        self._stimulations.pop(stimulation_id, None)

    def stimulations(self) -> dict[str, Stimulation]:
        """Return the runs that are kept, by id, as a copy."""
        return dict(self._stimulations)

    def check(self, cns: Graph) -> list[Problem]:
        """Return what a resume of a run of *cns* would miss; nothing, if all is well.

        Every neuron, every collateral that is listened on or may be emitted, and every modality needs a name, and every
        declared type of a payload or context value must be one that can be stored.
        """
        return problems_of(cns, self)


def _aliases(aliases: Sequence[str]) -> tuple[str, ...]:
    if isinstance(aliases, str):
        raise GraphError(f"aliases is a sequence of names: say aliases=({aliases!r},)")
    return tuple(aliases)


def _require(value: object, kind: type, what: str) -> None:
    if not isinstance(value, kind):
        raise GraphError(f"only {what} can be registered here, not {value!r}")
