"""Asking before something is gone for good."""

from __future__ import annotations

import sys

import typer

from cnstra.cli.ending import CommandError, Exit

__all__ = ["confirm"]


def confirm(question: str, *, yes: bool) -> None:
    """Return if the user agrees, or has said so beforehand.

    Raises:
        CommandError: If the user does not, or there is no terminal to ask at.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("this cannot be undone, and there is no terminal to ask at; say --yes")
    if not typer.confirm(question, err=True):
        raise CommandError("nothing was done", Exit.NO)
