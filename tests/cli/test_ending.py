from pathlib import Path

import pytest

from cnstra.cli.ending import CommandError, Exit, run
from cnstra.errors import CNSError, StoreError
from tests.cli.calling import call


async def raises(error: Exception) -> Exit:
    raise error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandError("two\n lines"), Exit.USAGE),
        (CommandError("two lines", Exit.NO), Exit.NO),
        (StoreError("two lines"), Exit.STORE),
        (CNSError("two lines"), Exit.USAGE),
    ],
)
def test_an_error_of_ours_is_one_line_and_a_code(
    error: Exception, code: Exit, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(raises(error))

    assert ended.value.code == code
    assert capsys.readouterr().err == "cnstra: two lines\n"


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(KeyError):
        run(raises(KeyError("a bug")))


def test_a_wrong_call_is_one_line_for_the_shell(project: Path) -> None:
    done = call(project, "check", "app:runer")

    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert done.stderr == "cnstra: app:runer: module app has no 'runer'; did you mean runner?\n"


def test_the_directory_of_the_module_can_be_given(project: Path) -> None:
    elsewhere = project / "elsewhere"
    elsewhere.mkdir()

    assert call(elsewhere, "check", "app:runner", "--dir", "..").returncode == Exit.DONE
