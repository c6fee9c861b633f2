"""A graph as a Markdown document: for a person, for a repository, for an assistant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from cnstra.graphs.model import CollateralNode, DendriteNode, GraphModel, NeuronNode
from cnstra.graphs.reading import read_graph

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["code_span", "dump_graph", "plain_text", "to_markdown"]

_TICKS: Final = re.compile("`+")
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|&~])")
_ITEM: Final = re.compile(r"^(\d+)([.)])|^([-=])")


def dump_graph(cns: CNS[Any], registry: CNSPersistOptionsRegistry | None = None) -> str:
    """Return a graph as Markdown: what each neuron listens to and emits, and who is next.

    The text is the same each time, so that it can be committed beside the code.

    Args:
        cns: The graph.
        registry: Gives its parts their stored names; without one they have their labels.
    """
    return to_markdown(read_graph(cns, registry))


def to_markdown(model: GraphModel) -> str:
    """Return *model* as Markdown."""
    lines = ["# CNS graph", "", _summary(model), ""]
    lines += _entries(model)
    for neuron in model.neurons:
        lines += [f"## {code_span(neuron.name)}", "", *_about(neuron)]
        lines += _listed("Reacts to", [_reaction(model, one) for one in neuron.dendrites])
        lines += _listed("Emits", [_emission(model, model.collateral(one.collateral), one.key) for one in neuron.emits])
    lines += _listed("Cycles", [_cycle(model, one) for one in model.cycles])
    return "\n".join(lines).rstrip() + "\n"


def _summary(model: GraphModel) -> str:
    return f"{_counted(len(model.neurons), 'neuron')}, {_counted(len(model.collaterals), 'collateral')}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _entries(model: GraphModel) -> list[str]:
    entries = [one for one in model.collaterals if one.is_entry]
    return _listed("Comes from outside", [f"{_typed(one)}{_arrow(_names(model, one.subscribers))}" for one in entries])


def _about(neuron: NeuronNode) -> Iterator[str]:
    if neuron.doc is not None:
        yield from (plain_text(neuron.doc), "")
    facts = []
    if not neuron.registered:
        facts.append("has no name in the registry")
    if neuron.context_type is not None:
        facts.append(f"keeps {code_span(neuron.context_type)}")
    if neuron.concurrency is not None:
        facts.append(f"at most {neuron.concurrency} at once")
    if neuron.max_duration is not None:
        facts.append(f"at most {neuron.max_duration:g} s")
    if facts:
        yield from (f"({'; '.join(facts)})", "")


def _listed(title: str, items: Sequence[str]) -> list[str]:
    return [f"**{title}:**", "", *(f"- {item}" for item in items), ""] if items else []


def _reaction(model: GraphModel, dendrite: DendriteNode) -> str:
    collateral = model.collateral(dendrite.collateral)
    source = f"from {_names(model, collateral.emitters)}" if collateral.emitters else "from outside"
    traits: list[str] = [dendrite.mode] if dendrite.mode != "sync" else []
    traits += ["transactional"] if dendrite.transactional else []
    traits += [f"by modality {code_span(name)}" for name in dendrite.modalities]
    line = f"{_typed(collateral)} {source}: {code_span(dendrite.handler)}{_aside(traits)}"
    return line if dendrite.doc is None else f"{line}. {plain_text(dendrite.doc)}"


def _emission(model: GraphModel, collateral: CollateralNode, key: str) -> str:
    renamed = [f"as {code_span(key)}"] if key != collateral.name else []
    return f"{_typed(collateral)}{_aside(renamed)}{_arrow(_names(model, collateral.subscribers))}"


def _typed(collateral: CollateralNode) -> str:
    name = code_span(collateral.name)
    return name if collateral.payload_type is None else f"{name} ({code_span(collateral.payload_type)})"


def _aside(parts: Sequence[str]) -> str:
    return f" ({', '.join(parts)})" if parts else ""


def _arrow(names: str) -> str:
    return f" → {names}" if names else " → nobody"


def _names(model: GraphModel, ids: Sequence[str]) -> str:
    return ", ".join(code_span(model.neuron(one).name) for one in ids)


def _cycle(model: GraphModel, ids: Sequence[str]) -> str:
    return _names(model, ids)


def code_span(text: str) -> str:
    """Return *text* as inline code, whatever is in it."""
    plain = _one_line(text)
    fence = "`" * (max((len(run) for run in _TICKS.findall(plain)), default=0) + 1)
    edge = " " if not plain.strip() or plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{edge}{plain or ' '}{edge}{fence}"


def plain_text(text: str) -> str:
    """Return *text* as prose: nothing in it is markup, and it stays on one line."""
    escaped = _SPECIAL.sub(r"\\\1", _one_line(text))
    return _ITEM.sub(lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}", escaped)


def _one_line(text: str) -> str:
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())
