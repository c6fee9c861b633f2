import sqlite3
from pathlib import Path

from cnstra.cli.ending import Exit
from tests.cli.invoking import document, invoke


def test_a_store_comes_to_be_when_it_is_migrated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"

    first, again = invoke("store", "migrate", "--store", url), invoke("store", "migrate", "--store", url, "--json")

    assert first.exit_code == again.exit_code == Exit.DONE
    assert first.stdout == f"the SQLite store {tmp_path}/new.db is up to date\n"
    assert document("store-migrate", again.stdout) == {"store": f"the SQLite store {tmp_path}/new.db"}


def test_a_store_is_told_in_numbers(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    invoke("store", "migrate", "--store", url)

    shown = invoke("store", "stats", "--store", url, "--scope", "north")
    numbers = document("store-stats", invoke("store", "stats", "--store", url, "--scope", "north", "--json").stdout)

    assert shown.stdout.startswith(f"the SQLite store {tmp_path}/new.db, scope north\npending ")
    assert numbers["runs"] == {"pending": 0, "running": 0, "completed": 0, "failed": 0, "aborted": 0}
    assert (numbers["scope"], numbers["oldest_open_at"], numbers["workers"]) == ("north", None, 0)


def test_a_store_that_cannot_be_used_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database" * 100)

    done = invoke("store", "stats", "--store", f"sqlite:///{broken}")

    assert (done.exit_code, done.stdout) == (Exit.STORE, "")
    assert len(done.stderr.splitlines()) == 1


def test_a_store_that_is_newer_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    invoke("store", "migrate", "--store", f"sqlite:///{file}")
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE cnstra_meta SET schema_version = 1000")
    connection.close()

    done = invoke("store", "migrate", "--store", f"sqlite:///{file}")

    assert done.exit_code == Exit.STORE
    assert "it has schema version 1000, and this cnstra knows versions up to" in done.stderr
