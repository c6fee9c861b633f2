"""What handlers have logged, for a person."""

from __future__ import annotations

from collections.abc import Sequence

from cnstra.cli.documents import LogLine
from cnstra.cli.shown import moment, print_line, safe

__all__ = ["print_logs"]


def print_logs(logs: Sequence[LogLine]) -> None:
    """Print the lines of a task, set in, and what they go on with more so."""
    for one in logs:
        message = one.message.rstrip("\n").replace("\n", "\n      ")
        print_line(f"    {moment(one.at)}  {safe(one.level):<7}  {safe(one.logger_name)}: {message}", lines=True)
