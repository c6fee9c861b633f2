"""The server with its tools, resources and the prompt."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final, TypedDict, Unpack

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError
from mcp_types import ToolAnnotations

from cnstra import __version__
from cnstra.core.cns import CNS
from cnstra.durable import DurableRunner
from cnstra.errors import CNSError
from cnstra.inspection.encoding import json_bytes
from cnstra.inspection.overviews import overview
from cnstra.inspection.redacting import DEFAULT_KEYS, Redaction, RedactionHook
from cnstra.inspection.sealing import Seal
from cnstra.mcp.actions import ActionTools
from cnstra.mcp.graphs import GraphTools
from cnstra.mcp.known import Known
from cnstra.mcp.runs import RunTools
from cnstra.mcp.telling import Name, told
from cnstra.mcp.texts import DEBUGGING, INSTRUCTIONS
from cnstra.persist.ports import Store
from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["Options", "mcp_server"]

_LOOKING: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
_ADDING: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
_CHANGING: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
)


class Options(TypedDict, total=False):
    """The options of `mcp_server`."""

    cns: CNS[Any] | None
    registry: CNSPersistOptionsRegistry | None
    scope: str | None
    allow_actions: bool
    redact_keys: str
    redact: RedactionHook | None


def mcp_server(source: DurableRunner | Store | str | Path | None = None, **options: Unpack[Options]) -> MCPServer[None]:
    """Make a server that shows a graph and its stored runs to an assistant.

    ```python
    server = mcp_server("sqlite:///runs.db", cns=cns, registry=registry)
    server.run()  # over stdio
    ```

    Args:
        source: A runner, which is open while the server is; or a store, its URL or its path, which is opened at the
            first call; ``None``: no runs are known.
        options: ``cns`` and ``registry``: the graph and its names, if *source* is no runner. ``scope``: which graph's
            runs, if *source* is no runner. ``allow_actions``: whether there are tools that change something.
            ``redact_keys`` and ``redact``: as for `cnstra.devtools.devtools`.

    Raises:
        GraphError: If nothing is given, ``redact_keys`` is no regular expression, or the graph contradicts *source*.
        StoreError: If *source* names no store.
    """
    redaction = Redaction(options.get("redact_keys", DEFAULT_KEYS), options.get("redact"))
    known = Known(source, options.get("cns"), options.get("registry"), options.get("scope"), redaction)

    @asynccontextmanager
    async def lifespan(server: MCPServer[None]) -> AsyncIterator[None]:  # noqa: ARG001 - the SDK gives it
        try:
            yield
        finally:
            await known.close()

    server = MCPServer[None](
        "cnstra",
        title="CNStra",
        instructions=INSTRUCTIONS,
        version=__version__,
        log_level="WARNING",
        lifespan=lifespan,
    )
    _add_looking(server, known)
    if options.get("allow_actions", False):
        _add_acting(server, ActionTools(known))
    _add_resources(server, known)
    _add_prompt(server)
    return server


def _add_looking(server: MCPServer[None], known: Known) -> None:
    graph, runs = GraphTools(known), RunTools(known, Seal(token_urlsafe(), "runs"))
    for tool in (
        graph.cns_get_context,
        graph.cns_get_graph,
        graph.cns_get_neuron,
        graph.cns_list_neurons,
        graph.cns_list_collaterals,
        graph.cns_find_path,
        runs.list_runs,
        runs.get_run,
        runs.get_task,
        runs.explain_failure,
        runs.neuron_stats,
    ):
        _add(server, tool, _LOOKING)


def _add_acting(server: MCPServer[None], actions: ActionTools) -> None:
    _add(server, actions.retry_run, _CHANGING)
    _add(server, actions.abort_run, _CHANGING)
    _add(server, actions.fork_run, _ADDING)
    _add(server, actions.clone_run, _ADDING)
    _add(server, actions.stimulate, _ADDING)


def _add(server: MCPServer[None], tool: Callable[..., Awaitable[Any]], annotations: ToolAnnotations) -> None:
    description = inspect.getdoc(tool)
    server.add_tool(told(tool), description=description, annotations=annotations, structured_output=True)


def _add_resources(server: MCPServer[None], known: Known) -> None:
    tools = GraphTools(known)

    @server.resource(
        "cnstra://context",
        name="context",
        description="The application as a graph, for an assistant",
        mime_type="text/markdown",
    )
    async def context() -> str:
        try:
            return await tools.cns_get_context()
        except CNSError as error:
            raise ResourceError(str(error)) from error

    @server.resource(
        "cnstra://graph",
        name="graph",
        description="The graph: neurons, collaterals and edges",
        mime_type="application/json",
    )
    async def graph() -> str:
        try:
            seen = await known.seen_graph()
        except CNSError as error:
            raise ResourceError(str(error)) from error
        return json_bytes(overview(seen.model, seen.names, seen.source, is_complete=seen.is_complete)).decode()


def _add_prompt(server: MCPServer[None]) -> None:
    @server.prompt(
        name="debug_failed_run",
        title="Debug a failed run",
        description="Find out why a run failed, and what to do about it",
    )
    def debug_failed_run(stimulation_id: Name) -> str:
        return DEBUGGING.format(run=stimulation_id)
