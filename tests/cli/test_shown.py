import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra.cli.ending import Exit
from cnstra.cli.shown import brief, moment, print_table, safe, took


@given(st.text())
def test_no_text_commands_a_terminal(text: str) -> None:
    shown = safe(text)

    assert shown.isprintable()
    shown.encode()


def test_line_ends_are_let_be_where_they_are_wanted() -> None:
    assert safe("a\n\tb\x1b", lines=True) == "a\n\tb\\x1b"
    assert safe("a\nb") == "a\\nb"


def test_a_long_value_is_cut_off() -> None:
    assert brief({"n": 1}) == '{"n":1}'
    assert len(brief("x" * 1000)) == 80
    assert brief("\x1b") == '"\\u001b"'


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.0012, "1.2 ms"), (1.5, "1.5 s"), (90, "1.5 min"), (0, "0.0 ms"), (9000, "2.5 h"), (1e6, "11.6 d")],
)
def test_a_duration_has_a_unit_that_fits(seconds: float | None, text: str) -> None:
    assert took(seconds) == text


def test_at_a_terminal_what_begins_a_row_is_not_broken() -> None:
    person, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    code = f"from cnstra.cli.shown import print_table; print_table(('run', 'b'), [('{'i' * 36}', '{'x ' * 40}')])"
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    subprocess.run([sys.executable, "-c", code], stdout=terminal, check=True, env={**environment, "TERM": "xterm"})
    shown = re.sub(r"\x1b\[[0-9;]*m", "", os.read(person, 65536).decode())
    os.close(person)
    os.close(terminal)

    assert "i" * 36 in shown
    assert all(len(line.rstrip()) <= 60 for line in shown.splitlines())


def test_an_output_that_is_full_is_told() -> None:
    code = "import sys; from cnstra.cli.app import app; app(['graph', 'tests.graphs.network:cns'])"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment
        )

    assert done.returncode == Exit.USAGE
    assert done.stderr == "cnstra: standard output cannot be written: No space left on device\n"


def test_a_moment_is_in_utc() -> None:
    assert (moment(0.0), moment(None)) == ("1970-01-01 00:00:00", "-")


def test_a_table_that_no_terminal_shows_is_not_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("a", "b"), [("x" * 500, "[bold]y[/]"), ("", "z")])

    assert capsys.readouterr().out.splitlines()[1] == f"{'x' * 500}  [bold]y[/]"
