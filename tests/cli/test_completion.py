from cnstra.cli.ending import Exit
from tests.cli.invoking import invoke


def test_a_shell_gets_its_completion() -> None:
    done = invoke("--show-completion", "bash")

    assert done.exit_code == Exit.DONE
    assert "complete -o default -F" in done.stdout
