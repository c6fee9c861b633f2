"""The options of a durable run, as they are stored with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cnstra.errors import PayloadError, UnknownName
from cnstra.persist.records import Durability

if TYPE_CHECKING:
    from cnstra.core.modality import AfferentPath, Modality
    from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["EntryTask", "RunOptions", "named_route"]


_to_json: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class EntryTask(NamedTuple):
    """The one activation that a fork starts with, by the names that it is stored under."""

    neuron_name: str
    collateral_name: str
    dendrite_index: int


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a resume must know of how the run was started; the modality and its path by name.

    Attributes:
        durability: As in `DurableRunner`.
        concurrency: As in `DurableRunner.stimulate`, like the next four.
        max_neuron_hops: How often each neuron may be activated.
        modality: Registered name.
        afferent_path: Its key in the modality, as text.
        metadata: JSON data of the caller's.
        contexts: Neuron name to the JSON text of the context value that a fork begins with.
        entry_task: What a fork starts with, instead of everything that listens on its entry signals.
        retry: The policy by which it is tried again, as `policy_data` writes it; ``None``: it is not.
    """

    durability: Durability = "hop"
    concurrency: int | None = None
    max_neuron_hops: int | None = None
    modality: str | None = None
    afferent_path: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    contexts: Mapping[str, str] = field(default_factory=dict)
    entry_task: EntryTask | None = None
    retry: Mapping[str, Any] | None = None

    def encode(self) -> bytes:
        """Return JSON, without what is not given.

        Raises:
            PayloadError: If the metadata would not come back unchanged.
        """
        given = {name: value for name in self.__slots__ if (value := getattr(self, name)) not in (None, {})}
        try:
            text = _to_json(given)
            data = text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise PayloadError("metadata", "$", f"not plain JSON data ({error})") from error
        if self.metadata and json.loads(text)["metadata"] != self.metadata:
            raise PayloadError(
                "metadata", "$", "JSON would change it; use strings as keys, and lists instead of tuples"
            )
        return data

    @classmethod
    def decode(cls, data: bytes) -> RunOptions:
        """Return the options that `encode` wrote; what a newer version has added is passed over."""
        stored = json.loads(data)
        given = {name: stored[name] for name in cls.__slots__ if name in stored}
        if given.get("entry_task") is not None:
            given["entry_task"] = EntryTask(*given["entry_task"])
        return cls(**given)

    def route(self, registry: CNSPersistOptionsRegistry) -> tuple[Modality | None, AfferentPath | None]:
        """Return the modality and the path.

        Raises:
            UnknownName: If the registry does not have them.
        """
        if self.modality is None:
            return None, None
        found = registry.get_modality(self.modality)
        if found is None:
            raise UnknownName("modality", self.modality, "register it with register_modality()")
        return found, None if self.afferent_path is None else registry.path_of(found, self.afferent_path)


def named_route(
    registry: CNSPersistOptionsRegistry, modality: Modality | None, path: AfferentPath | None
) -> tuple[str | None, str | None]:
    """Return the names of a modality and a path.

    Raises:
        UnknownName: If the modality is not registered.
    """
    if modality is None:
        return None, None
    name = registry.get_modality_name(modality)
    if name is None:
        raise UnknownName("modality", modality.name or repr(modality), "register it with register_modality()")
    return name, None if path is None else registry.path_name(modality, path)
