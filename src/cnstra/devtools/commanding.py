"""The part of the API that has something done: commands, which a worker carries out, and what has become of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias, final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cnstra.devtools.answering import json_response
from cnstra.devtools.asking import Asked, data_of
from cnstra.devtools.problems import ApiProblem, bad_request, not_found
from cnstra.durable.commands import new_command
from cnstra.errors import GraphError
from cnstra.inspection.problems import NotShown
from cnstra.inspection.reading import Reader
from cnstra.inspection.refs import name_of
from cnstra.inspection.sealing import Seal
from cnstra.inspection.servant import Servant
from cnstra.inspection.views import Views
from cnstra.persist.commands import NewCommand

__all__ = ["Actor", "CommandRoutes"]

Actor: TypeAlias = Callable[[Request], str]
"""Tells who asks, where the application that these are mounted in knows."""

_ACTOR: Final = "devtools"
_LONGEST_ACTOR: Final = 100
_MOST: Final = 500


class _Given(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    kind: str
    stimulation_id: str | None = None
    seen: str | None = None
    arguments: dict[str, Any] = {}


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    commands: Annotated[list[_Given], msgspec.Meta(min_length=1, max_length=_MOST)]


@final
@dataclass(frozen=True, slots=True)
class CommandRoutes:
    """Takes commands, and answers about them.

    Attributes:
        reader: Stores them.
        views: Shows them.
        seal: For cursors.
        servant: Carries them out, if nobody else does; ``None`` if that is known.
        actor: Tells who asks.
        read_only: Whether none is taken.
    """

    reader: Reader
    views: Views
    seal: Seal
    servant: Servant | None
    actor: Actor | None
    read_only: bool

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/commands", self.list_or_order, methods=["GET", "POST"]),
            Route("/commands/{key}", self.get_command),
        ]

    async def list_or_order(self, request: Request) -> Response:
        """Answer both methods, so that an answer to any other can say which there are."""
        return await (self.order if request.method == "POST" else self.list_commands)(request)

    async def order(self, request: Request) -> Response:
        """Store commands; they are carried out soon, and one of a key that is known is answered as it is."""
        Asked(request)
        if self.read_only:
            raise ApiProblem(403, "read_only", "these DevTools only show: nothing can be done here")
        commands = self._checked(await data_of(request), self._actor_of(request))
        stored = [await self.reader.order(one) for one in commands]
        if self.servant is not None:
            await self.servant.come()
        return json_response({"commands": [self.views.command(one) for one in stored]}, 202)

    async def list_commands(self, request: Request) -> Response:
        """Show commands, the latest first."""
        asked = Asked(request, "run", "limit", "cursor")
        run, cursor = asked.text("run"), asked.text("cursor")
        limit = asked.whole("limit", 50, least=1, most=_MOST)
        before = None if cursor is None else self._opened(cursor)
        found = await self.reader.commands(None if run is None else name_of(run), before=before, limit=limit)
        following = self.seal.close(found[-1].number) if len(found) == limit else None
        return json_response({"commands": [self.views.command(one) for one in found], "cursor": following})

    async def get_command(self, request: Request) -> Response:
        """Show one command."""
        Asked(request)
        key = name_of(request.path_params["key"])
        found = await self.reader.command(key)
        if found is None:
            raise not_found(f"no command has the key {key!r}", "no_command")
        return json_response(self.views.command(found))

    def _checked(self, data: Any, actor: str) -> list[NewCommand]:
        try:
            given = msgspec.convert(data, _Body).commands
        except msgspec.ValidationError as error:
            problem, _, place = str(error).partition(" - at `$.")
            where = place.rstrip("`")
            raise bad_request(f"{where}: {problem}" if where else problem, "bad_command") from error
        return [self._new(number, one, actor) for number, one in enumerate(given)]

    def _new(self, number: int, given: _Given, actor: str) -> NewCommand:
        try:
            return new_command(
                self.reader.scope,
                given.kind,
                given.stimulation_id,
                key=given.key,
                actor=actor,
                seen=given.seen,
                arguments=_with_whole_numbers(given.arguments),
            )
        except GraphError as error:
            raise bad_request(f"commands[{number}]: {error}", "bad_command") from error

    def _actor_of(self, request: Request) -> str:
        told = "" if self.actor is None else str(self.actor(request))
        return f"{_ACTOR}:{told[:_LONGEST_ACTOR]}" if told else _ACTOR

    def _opened(self, cursor: str) -> int:
        number = self.seal.open(cursor)
        if not isinstance(number, int):
            raise NotShown("no_page", "no page has this cursor here: begin at the first one")
        return number


def _with_whole_numbers(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments in which 1.0 is 1, as it is in JSON Schema; a payload is left as it is."""
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() and name != "payload" else value
        for name, value in arguments.items()
    }
