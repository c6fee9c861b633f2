"""The command line: ``cnstra worker module:runner`` and more; needs ``cnstra[cli]``."""

from __future__ import annotations

import sys

__all__ = ["main"]

_USAGE = 2


def main() -> None:
    """Run the command that the arguments of the process name."""
    try:
        from cnstra.cli.app import app  # noqa: PLC0415 - the base install has neither typer nor rich
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.stderr.write(f"cnstra: the command line needs {error.name}; install it with: pip install 'cnstra[cli]'\n")
        sys.exit(_USAGE)
    app()
