"""How a tool ends that cannot do what it was asked: with a text for the assistant."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Annotated, ParamSpec, TypeAlias, TypeVar

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field, StringConstraints

from cnstra.errors import CNSError, RunNotFound

__all__ = ["Name", "RunId", "told"]

P = ParamSpec("P")
T = TypeVar("T")

Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=1_024, pattern=r"^[^\x00]*$")]
"""A name that may be stored."""
RunId: TypeAlias = Annotated[Name, Field(description="stimulation_id of the run.")]


def told(tool: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Return *tool*, whose errors of ours are told to the assistant; any other is logged here, and not told."""

    @functools.wraps(tool)
    async def telling(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await tool(*args, **kwargs)
        except RunNotFound as error:
            raise ToolError(f"{error}; list_runs shows what is") from error
        except CNSError as error:
            raise ToolError(str(error)) from error

    return telling
