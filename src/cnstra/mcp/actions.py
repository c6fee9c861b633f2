"""The tools that have something done: each stores a command, which a worker carries out once, and tells the outcome."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, final

from pydantic import Field, StringConstraints

from cnstra.durable.commands import new_command, version_of
from cnstra.errors import GraphError, PayloadError
from cnstra.mcp.answers import Answer
from cnstra.mcp.known import Known
from cnstra.mcp.shown_runs import RunBrief
from cnstra.mcp.telling import Name, RunId
from cnstra.persist.commands import CommandKind, CommandRecord
from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["ActionTools", "Done"]

Key: TypeAlias = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=150)] | None,
    Field(description="The same key does it once. Made of the call unless given, so that a repeated call is harmless."),
]
Seen: TypeAlias = Annotated[
    str | None, Field(description="version of the run that you decided upon; refused if it has changed since.")
]
NewId: TypeAlias = Annotated[Name | None, Field(description="Id of the new run; made unless given.")]
_ACTOR: Final = "mcp"
_PATIENCE: Final = 10.0
_PAUSE: Final = 0.05
_LATER: Final = "it is stored, and a worker of the application carries it out as soon as one is there"


class Done(Answer):
    """What became of a command."""

    action: Literal["retry", "clone", "fork", "abort", "stimulate"]
    status: Annotated[
        Literal["done", "refused", "waiting", "taken", "valid"],
        Field(
            description="refused: nothing was changed; waiting, taken: it is stored, and will be done; valid: dry run."
        ),
    ]
    outcome: Annotated[str, Field(description="What was done, or why not.")]
    run: Annotated[RunBrief | None, Field(description="The run as it is now; of a new one, that one.")] = None
    idempotency_key: str | None = None
    is_repeated: Annotated[bool, Field(description="Whether this key was there already, and nothing new was done.")] = (
        False
    )


@final
@dataclass(frozen=True, slots=True)
class ActionTools:
    """Has things done.

    Attributes:
        known: Has the runs.
        patience: Seconds to wait for an outcome.
    """

    known: Known
    patience: float = _PATIENCE

    async def retry_run(self, stimulation_id: RunId, *, seen: Seen = None, idempotency_key: Key = None) -> Done:
        """Retry a failed or aborted run: what is left of it runs again, once a worker takes it; what is done does not.

        explain_failure tells beforehand what would run. Ask the user first.
        """
        return await self._about("retry", stimulation_id, seen, idempotency_key, {})

    async def fork_run(
        self,
        stimulation_id: RunId,
        from_task: Annotated[int, Field(description="Ordinal of the activation to begin with.", ge=0)],
        *,
        payload_json: Annotated[str, Field(description="Another input for it, as JSON; empty: the one it had.")] = "",
        new_id: NewId = None,
        seen: Seen = None,
        idempotency_key: Key = None,
    ) -> Done:
        """Fork a run: a new run begins with one of its activations, with the contexts of that moment."""
        arguments: dict[str, Any] = {"from_task": from_task, "new_id": new_id}
        if payload_json:
            arguments["payload"] = _data_of(payload_json)
        return await self._about("fork", stimulation_id, seen, idempotency_key, arguments)

    async def clone_run(
        self, stimulation_id: RunId, *, new_id: NewId = None, seen: Seen = None, idempotency_key: Key = None
    ) -> Done:
        """Clone a run: a new run begins as this one began, and does everything anew."""
        return await self._about("clone", stimulation_id, seen, idempotency_key, {"new_id": new_id})

    async def abort_run(
        self,
        stimulation_id: RunId,
        *,
        reason: Annotated[str | None, Field(description="Is stored with the run.", max_length=1_000)] = None,
        seen: Seen = None,
        idempotency_key: Key = None,
    ) -> Done:
        """Abort a run: nothing new of it starts, what is active may finish, and what is left is kept for a retry."""
        return await self._about("abort", stimulation_id, seen, idempotency_key, {"reason": reason})

    async def stimulate(
        self,
        collateral: Annotated[Name, Field(description="Name of the collateral; cns_list_collaterals: is_entry.")],
        *,
        payload_json: Annotated[str, Field(description="The payload as JSON, as its contract says.")] = "null",
        stimulation_id: NewId = None,
        dry_run: Annotated[bool, Field(description="Only check the payload; nothing is stored.")] = False,
        idempotency_key: Key = None,
    ) -> Done:
        """Start a new run with a signal; a worker of the application runs it."""
        payload = _data_of(payload_json)
        if self.known.registry is not None:
            _require_payload(self.known.registry, collateral, payload_json)
        elif dry_run:
            self.known.declared  # noqa: B018 - it says what is missing
            raise GraphError("the graph was given without a registry of names: start the server with --registry, too")
        if dry_run:
            return Done(action="stimulate", status="valid", outcome=f"{collateral!r} takes this payload")
        arguments = {"collateral": collateral, "payload": payload, "stimulation_id": stimulation_id}
        return await self._order("stimulate", None, None, idempotency_key, arguments)

    async def _about(
        self, kind: CommandKind, stimulation_id: str, seen: str | None, key: str | None, arguments: Mapping[str, Any]
    ) -> Done:
        run = await self.known.reader.run(stimulation_id)
        return await self._order(kind, stimulation_id, seen or version_of(run), key, arguments)

    async def _order(
        self, kind: CommandKind, run: str | None, seen: str | None, key: str | None, arguments: Mapping[str, Any]
    ) -> Done:
        given = {name: value for name, value in arguments.items() if value is not None or name == "payload"}
        reader, own = self.known.reader, key or _key_of(kind, run, seen, given)
        command = new_command(reader.scope, kind, run, key=own, actor=_ACTOR, seen=seen, arguments=given)
        before = await reader.command(own)
        record = await reader.order(command)
        if (record.kind, record.stimulation_id) != (kind, run):
            raise GraphError(f"the idempotency key {own!r} was used for {record.kind} of {record.stimulation_id!r}")
        if self.known.servant is not None:
            await self.known.servant.come()
        return await self._outcome(kind, await self._ended(record), is_repeated=before is not None)

    async def _ended(self, record: CommandRecord) -> CommandRecord:
        """Wait for the end of a command, but not for ever: perhaps no worker is there that has the graph."""
        until = time.monotonic() + self.patience
        while record.status not in {"done", "refused"} and time.monotonic() < until:
            await asyncio.sleep(_PAUSE)
            record = await self.known.reader.command(record.key) or record
        return record

    async def _outcome(self, kind: CommandKind, record: CommandRecord, *, is_repeated: bool) -> Done:
        name = record.made or record.stimulation_id
        run = None if name is None else await self.known.reader.find(name)
        outcome = record.outcome or _LATER
        return Done.of(
            {
                "action": kind,
                "status": record.status,
                "outcome": self.known.redaction.text(outcome),
                "run": None if run is None else RunBrief.of(self.known.views.run(run)),
                "idempotency_key": record.key,
                "is_repeated": is_repeated,
            }
        )


def _data_of(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GraphError(f"payload_json is no JSON: {error}") from error


def _require_payload(registry: CNSPersistOptionsRegistry, name: str, text: str) -> None:
    """Check that a payload is what its collateral declares.

    Raises:
        UnknownName: If there is no such collateral.
        PayloadError: If it is not.
    """
    collateral = registry.require_collateral(name)
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise PayloadError(f"collateral {name}", "$", "half a surrogate pair is no text") from error
    registry.decode_payload(collateral, registry.payload_version(collateral), data)


def _key_of(kind: CommandKind, run: str | None, seen: str | None, arguments: Mapping[str, Any]) -> str:
    text = json.dumps([kind, run, seen, arguments], sort_keys=True).encode("utf-8", "surrogatepass")
    return f"mcp-{hashlib.sha256(text).hexdigest()[:40]}"
