"""The tools about a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, final

from pydantic import Field

from cnstra.graphs import GraphModel, to_dot, to_markdown, to_mermaid
from cnstra.inspection.declared import without_secret_values
from cnstra.inspection.overviews import distinct_names, overview, show_collateral, show_neuron
from cnstra.inspection.problems import NotShown
from cnstra.inspection.views import Data
from cnstra.inspection.walking import neighbourhood, shortest_path
from cnstra.mcp.known import Known
from cnstra.mcp.shown_graphs import CollateralList, Graph, Neuron, NeuronList, Path
from cnstra.mcp.telling import Name
from cnstra.mcp.texts import context_of

__all__ = ["GraphTools"]

Format: TypeAlias = Literal["json", "mermaid", "dot", "markdown"]
Written: TypeAlias = Annotated[
    Format, Field(description="json for a program, markdown to read, mermaid or dot to draw.")
]
Query: TypeAlias = Annotated[str | None, Field(description="Only those with this text in name or doc.", max_length=200)]
Start: TypeAlias = Annotated[int, Field(description="How many to leave out: next of the page before.", ge=0)]
Limit: TypeAlias = Annotated[int, Field(description="How many at most.", ge=1, le=200)]
_WRITERS: Final[Mapping[Format, Callable[[GraphModel], str]]] = {
    "mermaid": to_mermaid,
    "dot": to_dot,
    "markdown": to_markdown,
}
_LONGEST: Final = 100_000
_MOST: Final = 300
"""Neurons that a graph is shown whole with, unless a part is asked for."""


@final
@dataclass(frozen=True, slots=True)
class GraphTools:
    """Answers about the graph.

    Attributes:
        known: Has it.
    """

    known: Known

    async def cns_get_context(self) -> str:
        """Get the graph as Markdown for an assistant: what it is made of, who activates whom, and how to go on.

        Begin here.
        """
        return context_of(await self.known.seen_graph(), has_runs=self.known.has_runs)

    async def cns_get_graph(
        self,
        format: Written = "json",  # noqa: A002 - the word that callers know
        around: Annotated[Name | None, Field(description="Only what is near this neuron or collateral.")] = None,
        depth: Annotated[int, Field(description="With around: over how many neurons.", ge=0, le=20)] = 1,
    ) -> Graph:
        """Get the graph of neurons and collaterals, or the part of it that is near one of them."""
        seen = await self.known.seen_graph()
        model = seen.model if around is None else neighbourhood(seen.model, seen.names, around, depth)
        told: dict[str, Any] = {"format": format, "source": seen.source, "is_complete": seen.is_complete}
        if around is None and len(model.neurons) > _MOST:
            told["note"] = f"{len(model.neurons)} neurons; this is the list of their names: ask with around=NAME"
            return Graph.of({**told, "graph": {"neurons": [one.name for one in model.neurons]}})
        if format == "json":
            return Graph.of({**told, "graph": overview(model, distinct_names(model), seen.source)})
        text = _WRITERS[format](model)
        if len(text) > _LONGEST:
            told["note"] = f"cut after {_LONGEST:,} of {len(text):,} characters: ask with around=NAME"
        return Graph.of({**told, "text": text[:_LONGEST]})

    async def cns_get_neuron(self, name: Annotated[Name, Field(description="Of the neuron.")]) -> Neuron:
        """Get one neuron with its contract: handlers with their place in the source, payloads, limits, context."""
        graph = self.known.declared
        found = graph.neurons.get(name)
        if found is None:
            near = [one for one in graph.neurons if name.casefold() in one.casefold()][:5]
            hint = f"; there is {', '.join(map(repr, near))}" if near else "; cns_list_neurons shows what is"
            raise NotShown("no_neuron", f"the graph has no neuron {name!r}{hint}")
        payloads = dict.fromkeys([*found["listens"], *found["emits"]])
        return Neuron.of(
            {
                **found,
                "context": None if found["context"] is None else self._contract(found["context"]),
                "payloads": {one: self._contract(graph.collaterals[one]["contract"]) for one in payloads},
            }
        )

    async def cns_list_neurons(self, query: Query = None, start: Start = 0, limit: Limit = 100) -> NeuronList:
        """List the neurons: what each listens to and may emit."""
        seen = await self.known.seen_graph()
        shown = [show_neuron(seen.model, one, seen.names) for one in seen.model.neurons]
        return NeuronList.of({"source": seen.source, **_page("neurons", shown, query, start, limit)})

    async def cns_list_collaterals(self, query: Query = None, start: Start = 0, limit: Limit = 100) -> CollateralList:
        """List the collaterals, which are the typed channels between neurons: who emits and who listens."""
        seen = await self.known.seen_graph()
        shown = [show_collateral(one, seen.names) for one in seen.model.collaterals]
        return CollateralList.of({"source": seen.source, **_page("collaterals", shown, query, start, limit)})

    async def cns_find_path(
        self,
        source: Annotated[Name, Field(description="Name of the neuron or collateral to begin at.")],
        target: Annotated[Name, Field(description="Name of the neuron or collateral to get to.")],
    ) -> Path:
        """Find a shortest way by which signals get from one neuron or collateral to another."""
        seen = await self.known.seen_graph()
        way = shortest_path(seen.model, seen.names, source, target)
        return Path.of({"is_reachable": way is not None, "steps": [asdict(one) for one in way or ()]})

    def _contract(self, contract: Data) -> Data:
        schema = without_secret_values(contract["schema"], self.known.redaction.is_secret_key)
        return {**contract, "schema": schema}


def _page(kind: str, shown: Sequence[Data], query: str | None, start: int, limit: int) -> Data:
    wanted = (query or "").casefold()
    found = [one for one in shown if wanted in f"{one['name']}\n{one.get('doc') or ''}".casefold()]
    end = start + limit
    return {kind: found[start:end], "total": len(found), "next": end if end < len(found) else None}
