"""The DevTools as an ASGI application."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack, final

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from cnstra import __version__
from cnstra.core.cns import CNS
from cnstra.devtools.answering import problem_response
from cnstra.devtools.commanding import Actor, CommandRoutes
from cnstra.devtools.feed import Feed
from cnstra.devtools.forms import FormRoutes
from cnstra.devtools.guard import Guard
from cnstra.devtools.insights import InsightRoutes
from cnstra.devtools.problems import ApiProblem, not_found
from cnstra.devtools.runs import RunRoutes
from cnstra.devtools.signing_in import SignInRoutes
from cnstra.devtools.static_files import BUILT_PAGE, StaticFiles
from cnstra.devtools.streaming import EventRoutes
from cnstra.devtools.watching import Lookout
from cnstra.durable import Keep
from cnstra.durable.commands import KINDS
from cnstra.errors import CNSError, RunNotFound, StoreError
from cnstra.inspection.declared import NO_SECRETS
from cnstra.inspection.graphs import DeclaredGraph
from cnstra.inspection.keys import Keys
from cnstra.inspection.problems import NotShown
from cnstra.inspection.reading import Reader
from cnstra.inspection.redacting import DEFAULT_KEYS, Redaction, RedactionHook
from cnstra.inspection.sampling import Sampler
from cnstra.inspection.sealing import Seal
from cnstra.inspection.servant import Servant
from cnstra.inspection.sources import Source, Subject
from cnstra.inspection.views import Views
from cnstra.persist.records import RunStatus
from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["DevTools", "Options", "devtools", "make"]

_logger = logging.getLogger("cnstra.devtools")

_API: Final = "/api/v1"
_STATUSES: Final = {"history_too_long": 413}
_LATEST_COMMANDS: Final = 50
"""So many are looked at, when the server starts, for one that still waits."""


@final
class DevTools:
    """An ASGI application that shows the runs of a store; `devtools` makes it.

    Attributes:
        keys: Who may look.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        graph: DeclaredGraph | None,
        keys: Keys,
        redaction: Redaction,
        hosts: Collection[str],
        origins: Collection[str],
        page: Path,
        servant: Servant | None,
        actor: Actor | None,
        read_only: bool,
        retention: Mapping[RunStatus, Keep] | None,
    ) -> None:
        self.keys = keys
        self._reader = reader
        self._servant = servant
        self._is_read_only = read_only
        views = Views(redaction)
        self._feed = Feed(Lookout(reader, views), reader.changed)
        secrets = NO_SECRETS if graph is None else graph.secrets
        meta = _meta(reader, has_graph=graph is not None, read_only=read_only)
        sampler = Sampler(reader, time.time)
        commands = CommandRoutes(reader, views, Seal(keys.token, "commands"), servant, actor, read_only)
        insights = InsightRoutes(reader, views, redaction, graph, meta, self._feed.numbers, sampler, retention)
        api: list[BaseRoute] = [
            *commands.routes(),
            *FormRoutes(reader, redaction, secrets, graph).routes(),
            *RunRoutes(reader, views, redaction, secrets, Seal(keys.token, "runs")).routes(),
            *insights.routes(),
            *EventRoutes(self._feed).routes(),
        ]
        app = Starlette(
            routes=[
                *SignInRoutes(keys).routes(),
                Mount(_API, routes=api),
                Route("/metrics", insights.get_metrics),  # where Prometheus looks unless told otherwise
                *StaticFiles(page).routes(),
            ],
            exception_handlers={
                ApiProblem: _on_problem,
                NotShown: _on_not_shown,
                RunNotFound: _on_run_not_found,
                HTTPException: _on_http_error,
                StoreError: _on_store_error,
                Exception: _on_fault,
            },
            lifespan=self.lifespan,
        )
        self._app = Guard(app, keys=keys, hosts=hosts, origins=origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as an ASGI server has it."""
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:  # noqa: ARG002 - frameworks give it
        """Be there for as long as the context is open; the lifespan of an application that these are mounted in.

        Args:
            app: Is not looked at.
        """
        taking_up = asyncio.create_task(self._take_up(), name="cnstra-devtools-take-up")
        try:
            yield
        finally:
            taking_up.cancel()
            await self.close()

    async def _take_up(self) -> None:
        """Have commands carried out that were given when nobody was there to do it."""
        if self._servant is None or self._is_read_only:
            return
        with suppress(CNSError):  # the store is out of reach, which every request tells
            latest = await self._reader.commands(limit=_LATEST_COMMANDS)
            if any(command.ended_at is None for command in latest):
                await self._servant.come()

    async def close(self) -> None:
        """End the streams, and close the store if it was opened here."""
        await self._feed.close()
        if self._servant is not None:
            await self._servant.close()
        await self._reader.close()

    def end_streams(self) -> None:
        """End the streams, and begin none: the server is about to stop."""
        self._feed.end()

    def login_path(self) -> str:
        """Return a path, below where these are mounted, that signs a browser in once, within an hour."""
        return f"/login?code={self.keys.new_link_code()}"


class Options(TypedDict, total=False):
    """The options of `devtools`."""

    cns: CNS[Any] | None
    registry: CNSPersistOptionsRegistry | None
    scope: str | None
    token: str | None
    hosts: Collection[str]
    origins: Collection[str]
    redact_keys: str
    redact: RedactionHook | None
    page: Path
    actor: Actor | None
    read_only: bool


def devtools(source: Source, **options: Unpack[Options]) -> DevTools:
    """Make an ASGI application that shows the runs of a store, also when nobody works on them.

    ```python
    tools = devtools(runner, token=os.environ["DEVTOOLS_TOKEN"])
    app = Starlette(lifespan=tools.lifespan, routes=[Mount("/devtools", app=tools)])
    ```

    Args:
        source: A runner, which is open while the application is; or a store, its URL or its path, which is opened at
            the first request.
        options: ``cns`` and ``registry``: the graph and its names, if *source* is no runner; without them the graph is
            what was seen of it at work. ``scope``: which graph's runs, if *source* is no runner. ``token``: what opens
            the door, of 16 characters or more; one that is made here is good for this process alone, and a login path
            is logged. ``hosts``: names that the server goes by, besides those of the loopback interface. ``origins``:
            of other pages that may ask, such as that of a development server. ``redact_keys``: a regular expression;
            the values of keys that have a match of it are not shown. ``redact``: ``f(name, data)`` returns what may be
            shown of a payload, a context value or metadata; *name* is that of its collateral or neuron, or
            ``"metadata"``. ``page``: the folder of another page. ``read_only``: whether nothing can be done here beside
            looking. ``actor``: ``f(request)`` returns who asks, for the record of what was done.

    Raises:
        GraphError: If the token is too short, ``redact_keys`` is no regular expression, or the graph contradicts
            *source*.
        StoreError: If *source* names no store.
    """
    subject = Subject(source, options.get("cns"), options.get("registry"), options.get("scope"))
    tools = make(subject, subject.reader(), subject.servant(), options)
    if options.get("token") is None:
        _logger.warning("DevTools: sign in, once, below where they are mounted: %s", tools.login_path())
    return tools


def make(subject: Subject, reader: Reader, servant: Servant | None, options: Options) -> DevTools:
    """Make DevTools of what reads their subject, and what carries commands out there."""
    return DevTools(
        reader,
        graph=subject.graph,
        keys=Keys(options.get("token")),
        redaction=Redaction(options.get("redact_keys", DEFAULT_KEYS), options.get("redact")),
        hosts=options.get("hosts", ()),
        origins=options.get("origins", ()),
        page=options.get("page", BUILT_PAGE),
        servant=servant,
        actor=options.get("actor"),
        read_only=options.get("read_only", False),
        retention=subject.retention,
    )


def _meta(reader: Reader, *, has_graph: bool, read_only: bool) -> dict[str, Any]:
    return {
        "name": "cnstra",
        "version": __version__,
        "store": reader.store.label,
        "scope": reader.scope,
        "has_graph": has_graph,
        "actions": [] if read_only else list(KINDS),
        "read_only": read_only,
    }


async def _on_problem(request: Request, error: Exception) -> Response:  # noqa: ARG001 - starlette calls it so
    assert isinstance(error, ApiProblem)  # noqa: S101 - it is registered for these
    return problem_response(error)


async def _on_not_shown(request: Request, error: Exception) -> Response:  # noqa: ARG001 - as above
    assert isinstance(error, NotShown)  # noqa: S101 - as above
    return problem_response(ApiProblem(_STATUSES.get(error.code, 404), error.code, error.detail))


async def _on_run_not_found(request: Request, error: Exception) -> Response:  # noqa: ARG001 - as above
    assert isinstance(error, RunNotFound)  # noqa: S101 - as above
    return problem_response(not_found(f"no stored run has the id {error.stimulation_id!r}", "no_run"))


async def _on_http_error(request: Request, error: Exception) -> Response:  # noqa: ARG001 - as above
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    code = "not_found" if error.status_code == 404 else "not_possible"  # noqa: PLR2004 - HTTP's own
    return problem_response(ApiProblem(error.status_code, code, error.detail, error.headers))


async def _on_store_error(request: Request, error: Exception) -> Response:  # noqa: ARG001 - as above
    return problem_response(ApiProblem(503, "store_error", str(error), {"Retry-After": "2"}))


async def _on_fault(request: Request, error: Exception) -> Response:  # noqa: ARG001 - as above
    return problem_response(ApiProblem(500, "fault", "that is a fault of the DevTools; their log says more"))


@final
class _WholeConvertor(Convertor[int]):
    """A whole number in a path, of no more digits than JavaScript counts with."""

    regex = "[0-9]{1,15}"

    def convert(self, value: str) -> int:
        """Return the number."""
        return int(value)

    def to_string(self, value: int) -> str:
        """Return its digits."""
        return str(value)


register_url_convertor("whole", _WholeConvertor())
