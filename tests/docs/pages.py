"""The pages of the documentation, and the examples in them.

A block that is marked ``python`` runs, after those above it and in the same module; a ``text`` block right under it is
what it prints. A block that is only shown is marked ``py``: it looks the same.
"""

import ast
import asyncio
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import ModuleType

from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        line: Of its first line of code, counted from 1.
    """

    language: str
    line: int
    source: str


def blocks_of(page: Path, *languages: str) -> list[Block]:
    """Return the blocks of a page that are in one of some languages, in order."""
    found: list[Block] = []

    def keep(example: Example) -> None:
        language = example.region.lexemes["arguments"]
        found.append(Block(language, example.line + 1, str(example.parsed)))

    parsers = [CodeBlockParser(language, keep) for language in languages]
    for example in Document.parse(str(page), *parsers):
        example.evaluate()
    return found


def module_of(page: Path) -> str:
    """Return the Python blocks of a page as one module, each line where it is on the page."""
    lines = [""] * page.read_text(encoding="utf-8").count("\n")
    for block in blocks_of(page, "python"):
        own = block.source.splitlines()
        lines[block.line - 1 : block.line - 1 + len(own)] = own
    return "\n".join(lines) + "\n"


class Session:
    """Runs blocks as a reader would type them in: in one module, one event loop, with ``await`` anywhere."""

    def __init__(self, page: Path, module: ModuleType, loop: asyncio.Runner) -> None:
        self._page = page
        self._module = module
        self._loop = loop

    def run(self, block: Block) -> str:
        """Run a block and return what it prints."""
        padded = "\n" * (block.line - 1) + block.source
        code = compile(padded, str(self._page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        printed = StringIO()
        with redirect_stdout(printed):
            if code.co_flags & inspect.CO_COROUTINE:
                self._loop.run(eval(code, vars(self._module)))
            else:
                exec(code, vars(self._module))
        return printed.getvalue()


@contextmanager
def session(page: Path) -> Iterator[Session]:
    """Begin to run the blocks of a page."""
    module = ModuleType(f"page_{page.stem}")
    sys.modules[module.__name__] = module  # where the annotations of the payload types are looked up
    try:
        with asyncio.Runner() as loop:
            yield Session(page, module, loop)
    finally:
        del sys.modules[module.__name__]
