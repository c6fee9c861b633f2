"""How a command ends: its exit code, and one line that says what to do."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from enum import IntEnum
from functools import partial
from typing import Any, TypeVar

from cnstra.errors import CNSError, StoreError

__all__ = ["CommandError", "Exit", "finish", "run"]

T = TypeVar("T")


class Exit(IntEnum):
    """What a command's exit code means.

    A process that a second signal ends has the code of that signal, as the shell sees it: 130 for SIGINT, 143 for
    SIGTERM.
    """

    DONE = 0
    NO = 1
    USAGE = 2
    STORE = 3
    BROKER = 4


class CommandError(Exception):
    """A command cannot go on; its text is the one line that the user sees.

    Attributes:
        code: The exit code.
    """

    def __init__(self, text: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(text)
        self.code = code


def run(work: Coroutine[Any, Any, Exit]) -> None:
    """Run a command to its end, and leave the process with its exit code."""
    finish(partial(asyncio.run, work))


def finish(work: Callable[[], Exit]) -> None:
    """Do what a command does, and leave the process with its exit code."""
    try:
        code = work()
    except CommandError as error:
        code = _tell(str(error), error.code)
    except StoreError as error:
        code = _tell(str(error), Exit.STORE)
    except CNSError as error:
        code = _tell(str(error), Exit.USAGE)
    sys.exit(code)


def _tell(text: str, code: Exit) -> Exit:
    line = " ".join(text.split())
    sys.stderr.write(f"cnstra: {line}\n")
    return code
