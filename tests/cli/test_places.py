import asyncio
from pathlib import Path

import pytest

from cnstra.cli.ending import Exit
from cnstra.cli.places import Place
from tests.cli.invoking import document, invoke

NEW = ("store", "migrate", "--store")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CNSTRA_STORE", raising=False)


def test_without_a_store_the_hint_names_the_ways_to_say_it() -> None:
    done = invoke("runs", "list")

    assert done.exit_code == Exit.USAGE
    assert done.stderr.startswith("cnstra: which store? say --store URL, set CNSTRA_STORE, or say --runner")
    assert len(done.stderr.splitlines()) == 1


def test_the_environment_may_name_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    invoke(*NEW, f"sqlite:///{tmp_path}/a.db")
    invoke(*NEW, f"sqlite:///{tmp_path}/b.db")
    monkeypatch.setenv("CNSTRA_STORE", f"sqlite:///{tmp_path}/a.db")

    by_environment = document("store-stats", invoke("store", "stats", "--json").stdout)
    by_option = document(
        "store-stats", invoke("store", "stats", "--json", "--store", f"sqlite:///{tmp_path}/b.db").stdout
    )

    assert (by_environment["store"][-4:], by_option["store"][-4:]) == ("a.db", "b.db")


def test_a_runner_that_is_named_goes_before_the_environment_and_brings_its_scope(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CNSTRA_STORE", "sqlite:///nothing.db")
    runner = ("--runner", "tests.cli.runs.shop:scoped")

    own = document("store-stats", invoke("store", "stats", "--json", *runner).stdout)
    other = document("store-stats", invoke("store", "stats", "--json", *runner, "--scope", "south").stdout)

    assert (own["scope"], other["scope"]) == ("north", "south")
    assert "memory" in own["store"]


def test_an_action_in_another_scope_than_the_runners_is_done_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    invoke(*NEW, url)
    where = ("--runner", "tests.cli.runs.shop:scoped", "--store", url)

    done = invoke("runs", "clone", "a", *where, "--scope", "south")

    assert (done.exit_code, done.stderr.startswith("cnstra: no run 'a' is stored in this scope")) == (Exit.NO, True)


def test_a_file_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    done = invoke("runs", "list", "--store", f"sqlite:///{tmp_path}/typo.db")

    assert done.exit_code == Exit.STORE
    assert done.stderr == f"cnstra: there is no file '{tmp_path}/typo.db'; is the address right?\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "code", "problem"),
    [
        ("memory://", Exit.USAGE, "a store in memory is gone with its process"),
        ("runs.db", Exit.STORE, "'runs.db' is no address of a store; write one of sqlite:///"),
        ("mysql://host/db", Exit.STORE, "no store is known for mysql://"),
    ],
)
def test_what_is_no_address_is_told(url: str, code: Exit, problem: str) -> None:
    done = invoke("runs", "list", "--store", url)

    assert (done.exit_code, done.stdout) == (code, "")
    assert problem in done.stderr


@pytest.mark.parametrize("scope", [None, "other"])
def test_a_command_carries_out_nothing_that_others_have_ordered(tmp_path: Path, scope: str | None) -> None:
    url = f"sqlite:///{tmp_path}/runs.db"
    invoke(*NEW, url)

    async def obeys() -> bool:
        async with Place(url, None, scope, Path()).acting() as runner:
            return runner.obeys

    assert not asyncio.run(obeys())
