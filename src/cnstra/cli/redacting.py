"""Which secrets a command keeps to itself: said in one way to all commands that show runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeAlias, final

import typer

from cnstra.cli.ending import CommandError
from cnstra.cli.loading import load_function
from cnstra.inspection.redacting import DEFAULT_KEYS, Redaction, RedactionHook

__all__ = ["Discretion", "HookOption", "KeysOption", "ShowSecretsOption"]

KeysOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--redact-keys",
        metavar="PATTERN",
        help="Show no value of a key in which this is found; $CNSTRA_REDACT_KEYS, or a common pattern, unless given.",
    ),
]
HookOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--redact",
        metavar="MODULE:FUNCTION",
        help="f(name, data) returns what may be shown of a value; $CNSTRA_REDACT unless given.",
    ),
]
ShowSecretsOption: TypeAlias = Annotated[
    bool, typer.Option("--show-secrets", help="Show everything as it is stored, with its secrets.")
]

_KEYS: Final = "CNSTRA_REDACT_KEYS"
_HOOK: Final = "CNSTRA_REDACT"


@final
@dataclass(frozen=True, slots=True)
class Discretion:
    """What the command line says about secrets.

    Attributes:
        keys: A regular expression for the keys whose values are not shown.
        hook: Names a function that has the last word.
        show_secrets: Whether everything is shown.
    """

    keys: str | None = None
    hook: str | None = None
    show_secrets: bool = False

    @property
    def pattern(self) -> str:
        """What is found in the keys whose values are not shown."""
        return self.keys or os.environ.get(_KEYS) or DEFAULT_KEYS

    def function(self, directory: Path) -> RedactionHook | None:
        """Return the function that has the last word.

        Raises:
            CommandError: If one is named that is not there.
        """
        target = self.hook or os.environ.get(_HOOK)
        return load_function(target, directory.resolve()) if target else None

    def redaction(self, directory: Path) -> Redaction | None:
        """Return what takes the secrets out; ``None`` if all of them are to be shown.

        Args:
            directory: Where to look for the module of the function first.

        Raises:
            CommandError: If secrets are to be shown and redacted at once, or the function is not there.
            GraphError: If the pattern is no regular expression.
        """
        if not self.show_secrets:
            return Redaction(self.pattern, self.function(directory))
        if self.keys is not None or self.hook is not None:
            raise CommandError("--show-secrets shows everything: leave out --redact-keys and --redact, or leave it out")
        return None
