import subprocess
import sys
from pathlib import Path

from cnstra import __version__
from cnstra.cli.ending import Exit
from tests.cli.calling import call


def test_the_version_is_shown(tmp_path: Path) -> None:
    done = call(tmp_path, "--version")

    assert (done.returncode, done.stdout) == (Exit.DONE, f"cnstra {__version__}\n")


def test_the_commands_and_the_exit_codes_are_listed(tmp_path: Path) -> None:
    done = call(tmp_path, "--help")

    assert done.returncode == Exit.DONE
    assert "worker" in done.stdout
    assert "check" in done.stdout
    assert "Exit codes: 0 done" in done.stdout


def test_an_unknown_command_is_a_wrong_call(tmp_path: Path) -> None:
    assert call(tmp_path, "wroker").returncode == Exit.USAGE


def test_without_the_extra_one_line_says_what_to_install() -> None:
    code = "import sys; sys.modules['typer'] = None; from cnstra.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == Exit.USAGE
    assert done.stderr == "cnstra: the command line needs typer; install it with: pip install 'cnstra[cli]'\n"
