import subprocess
import sys


def test_a_shell_gets_its_completion() -> None:
    command = f"'{sys.executable}' -m cnstra.cli --show-completion; exit $?"  # the shell is found as its parent

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert "complete -o default -F" in done.stdout
