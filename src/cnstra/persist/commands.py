"""What people ask of runs, as a store keeps it: who ordered what, which worker took it, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["CommandKind", "CommandRecord", "CommandResult", "CommandStatus", "NewCommand"]

CommandKind: TypeAlias = Literal["retry", "clone", "fork", "abort", "delete", "stimulate"]
CommandStatus: TypeAlias = Literal["waiting", "taken", "done", "refused"]
"""*refused*: whoever took it has found that it cannot or must not be done, and changed nothing."""


@dataclass(frozen=True, slots=True)
class NewCommand:
    """A command that is to be stored.

    Attributes:
        scope: Which graph's runs.
        key: Makes it once: a second command of this key in the scope is the first one again.
        kind: What is to be done.
        stimulation_id: To which run; ``None`` for ``stimulate``.
        arguments: JSON, UTF-8: an object; what it has depends on the kind.
        actor: Who ordered it, as the face that took the order knows them.
        seen: The version of the run that the actor saw; ``None`` if that is not to matter.
        taken_by: The worker that stores it to carry it out itself, as if it had taken it at once; ``None`` leaves it to
            whoever takes it.
    """

    scope: str
    key: str
    kind: CommandKind
    stimulation_id: str | None
    arguments: bytes
    actor: str
    seen: str | None = None
    taken_by: str | None = None

    @property
    def status(self) -> CommandStatus:
        """How far it is once it is stored."""
        return "waiting" if self.taken_by is None else "taken"

    @property
    def takes(self) -> int:
        """How often it was taken once it is stored."""
        return 0 if self.taken_by is None else 1


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended.

    Attributes:
        status: Whether it was done.
        outcome: What was done, or why not, in a sentence.
        made: The id of the run that came of it.
    """

    status: Literal["done", "refused"]
    outcome: str
    made: str | None = None


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """A command, and what has become of it.

    Attributes:
        number: Its place among all commands of the scope, or of the store; grows.
        scope: As in `NewCommand`, like the next six.
        ordered_at: When it was stored.
        status: How far it is.
        taken_by: The worker that took it last.
        takes: How often it was taken: more than once if a worker died over it.
        ended_at: When it ended.
        outcome: As in `CommandResult`, like the next.
    """

    number: int
    scope: str
    key: str
    kind: CommandKind
    stimulation_id: str | None
    arguments: bytes
    actor: str
    seen: str | None
    ordered_at: float
    status: CommandStatus = "waiting"
    taken_by: str | None = None
    takes: int = 0
    ended_at: float | None = None
    outcome: str | None = None
    made: str | None = None
