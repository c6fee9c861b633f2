"""Stable names for the parts of a graph: neurons, collaterals, modalities and their afferent paths."""

from __future__ import annotations

from enum import Enum
from typing import Any

from cnstra.core.modality import AfferentPath, Modality
from cnstra.core.neurons import Neuron
from cnstra.core.signals import Collateral
from cnstra.errors import GraphError, UnknownName
from cnstra.persist.table import NameTable
from cnstra.persist.upcasting import FIRST, PayloadVersion

__all__ = ["GraphNames", "text_of_key"]


class GraphNames:
    """The names of a graph's parts, both ways in O(1); objects are told apart by identity."""

    def __init__(self) -> None:
        self._neurons: NameTable[Neuron[Any]] = NameTable("neuron")
        self._collaterals: NameTable[Collateral[Any]] = NameTable("collateral")
        self._modalities: NameTable[Modality] = NameTable("modality")
        self._versions: dict[Collateral[Any], PayloadVersion] = {}
        # Who registered a collateral: neurons, and None for `register_collateral`.
        self._owners: dict[Collateral[Any], set[Neuron[Any] | None]] = {}

    def get_neuron(self, name: str) -> Neuron[Any] | None:
        """Return the neuron of *name*, which may be an alias."""
        return self._neurons.get(name)

    def get_neuron_name(self, neuron: Neuron[Any]) -> str | None:
        """Return the name of *neuron*."""
        return self._neurons.name_of(neuron)

    def get_collateral(self, name: str) -> Collateral[Any] | None:
        """Return the collateral of *name*, which may be an alias."""
        return self._collaterals.get(name)

    def get_collateral_name(self, collateral: Collateral[Any]) -> str | None:
        """Return the name of *collateral*."""
        return self._collaterals.name_of(collateral)

    def get_modality(self, name: str) -> Modality | None:
        """Return the modality of *name*, which may be an alias."""
        return self._modalities.get(name)

    def get_modality_name(self, modality: Modality) -> str | None:
        """Return the name of *modality*."""
        return self._modalities.name_of(modality)

    def require_neuron(self, name: str) -> Neuron[Any]:
        """Return the neuron of *name*, or raise `UnknownName` with a name that is near."""
        return self._neurons.require(name)

    def require_neuron_name(self, neuron: Neuron[Any]) -> str:
        """Return the name of *neuron*, or raise `UnknownName` that says what to register."""
        return self._neurons.require_name(neuron, neuron.label, "say registry.register(<name>, <the neuron>)")

    def require_collateral(self, name: str) -> Collateral[Any]:
        """Return the collateral of *name*, or raise `UnknownName` with a name that is near."""
        return self._collaterals.require(name)

    def require_collateral_name(self, collateral: Collateral[Any]) -> str:
        """Return the name of *collateral*, or raise `UnknownName` that says what to register."""
        remedy = "register the neuron that emits it, or say registry.register_collateral(<name>, <the collateral>)"
        return self._collaterals.require_name(collateral, collateral.label, remedy)

    def require_modality(self, name: str) -> Modality:
        """Return the modality of *name*, or raise `UnknownName` with a name that is near."""
        return self._modalities.require(name)

    def require_modality_name(self, modality: Modality) -> str:
        """Return the name of *modality*, or raise `UnknownName` that says what to register."""
        remedy = "say registry.register_modality(<name>, <the modality>)"
        return self._modalities.require_name(modality, modality.name or repr(modality), remedy)

    def path_name(self, modality: Modality, path: AfferentPath) -> str:
        """Return the name of *path*: its key in *modality*, as text.

        Raises:
            GraphError: If it is not a path of *modality*.
        """
        return text_of_key(modality.key_of(path))

    def path_of(self, modality: Modality, name: str) -> AfferentPath:
        """Return the path of *modality* that has *name*.

        Raises:
            UnknownName: If there is none.
        """
        names = {text_of_key(key): path for key, path in modality.afferent_paths.items()}
        if name not in names:
            raise UnknownName("afferent path", name, f"{modality!r} has {list(names)}")
        return names[name]

    def payload_version(self, collateral: Collateral[Any]) -> int:
        """Return the version of the payloads that this code writes on *collateral*."""
        return self._versions.get(collateral, FIRST).number


def text_of_key(key: object) -> str:
    """Return the key of an afferent path as the text that names it.

    Raises:
        GraphError: If it has none that is the same in every process.
    """
    if isinstance(key, str):
        return str.__str__(key)
    if isinstance(key, int):
        return int.__repr__(key)
    if isinstance(key, Enum):
        return key.name
    raise GraphError(f"the afferent path key {key!r} has no stable text: use a text, a whole number or an enum member")
