"""The files that tell assistants of a project which servers to start."""

from __future__ import annotations

import difflib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from cnstra.cli.ending import CommandError

__all__ = ["CLIENTS", "Change", "Client", "change_of"]


@final
@dataclass(frozen=True, slots=True)
class Client:
    """An assistant, or several that read the same file.

    Attributes:
        path: Its file in a project.
        key: What the servers are under there.
        extra: What an entry has besides.
    """

    path: str
    key: str
    extra: Mapping[str, str]

    @property
    def folder(self) -> str:
        """The folder of the file in a project; empty if it is the project's own."""
        return str(Path(self.path).parent) if "/" in self.path else ""


CLIENTS: Final[Mapping[str, Client]] = {
    "project": Client(".mcp.json", "mcpServers", {}),
    "vscode": Client(".vscode/mcp.json", "servers", {"type": "stdio"}),
    "cursor": Client(".cursor/mcp.json", "mcpServers", {}),
}


@final
@dataclass(frozen=True, slots=True)
class Change:
    """What a file is to become.

    Attributes:
        path: The file.
        before: Its text; empty if it is not there.
        after: The text that it is to have.
    """

    path: Path
    before: str
    after: str

    @property
    def is_needed(self) -> bool:
        """Whether anything changes."""
        return self.before != self.after

    def diff(self) -> str:
        """Return the change for a person."""
        before, after = (text.splitlines(keepends=True) for text in (self.before, self.after))
        lines = difflib.unified_diff(before, after, str(self.path), str(self.path))
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

    def write(self) -> None:
        """Replace the file at once, so that nobody reads half of it.

        Raises:
            CommandError: If it cannot be written.
        """
        target = self.path.resolve()  # of a link, what it leads to
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
            number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
            try:
                with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
                    file.write(self.after)
                Path(name).chmod(mode)
                Path(name).replace(target)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise CommandError(f"{self.path} cannot be written: {error.strerror}") from error


def change_of(client: Client, project: Path, name: str, command: Sequence[str]) -> Change:
    """Return what makes a server known to a client; everything else in its file stays.

    Args:
        client: The client.
        project: The folder of the project.
        name: What the server is called there.
        command: What starts it.

    Raises:
        CommandError: If its file cannot be read, or is no JSON, or has something else in its place.
    """
    path = project / client.path
    before = _text_of(path)
    data = _data_of(path, before)
    servers = data.get(client.key, {})
    if not isinstance(servers, dict):
        raise CommandError(f"{path}: {client.key!r} is no object; nothing was changed")
    old = servers.get(name)
    entry = {**client.extra, "command": command[0], "args": list(command[1:])}
    kept = {key: value for key, value in old.items() if key not in entry} if isinstance(old, dict) else {}
    if old == {**entry, **kept}:
        return Change(path, before, before)
    changed = {**data, client.key: {**servers, name: {**entry, **kept}}}
    return Change(path, before, json.dumps(changed, indent=_indent_of(before), ensure_ascii=False) + "\n")


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not in UTF-8; nothing was changed") from error
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}; nothing was changed") from error


def _data_of(path: Path, text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        data = json.loads(text, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path} cannot be read as JSON ({error}); nothing was changed") from error
    if not isinstance(data, dict):
        raise CommandError(f"{path} is no JSON object; nothing was changed")
    return data


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")  # one of the two would be lost
    return found


def _indent_of(text: str) -> int | str:
    for line in text.splitlines()[1:]:
        blank = line[: len(line) - len(line.lstrip())]
        if blank:
            return "\t" if blank.startswith("\t") else len(blank)
    return 2
