from __future__ import annotations

from pathlib import Path

import pytest

from cnstra.errors import StoreError
from cnstra.stores import MemoryStore, PostgresStore, SqliteStore, open_store


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///runs.db", "runs.db"),
        ("sqlite:///var/my runs.db", "var/my runs.db"),
        ("sqlite:///my%20runs.db", "my runs.db"),
        ("sqlite:////var/lib/runs.db", "/var/lib/runs.db"),
        (Path("/var/läufe?.db"), "/var/läufe?.db"),
    ],
)
def test_a_file_is_named_by_url_or_by_path(url: str | Path, path: str) -> None:
    store = open_store(url)

    assert isinstance(store, SqliteStore)
    assert store.label == f"the SQLite store {Path(path).absolute()}"


def test_memory_has_a_url_too() -> None:
    assert isinstance(open_store("memory://"), MemoryStore)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_server_is_named_by_its_url(scheme: str) -> None:
    store = open_store(f"{scheme}://me:secret@db.example:5433/jobs?cnstra_schema=flows&cnstra_prefix=my_")

    assert isinstance(store, PostgresStore)
    assert store.label == "the Postgres store postgresql://me@db.example:5433/jobs, schema flows, prefix my_"


def test_a_store_is_returned_as_it_is() -> None:
    store = MemoryStore()

    assert open_store(store) is store


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("runs.db", "'runs.db' is no address of a store; write one of sqlite:///relative.db"),
        ("sqlite://runs.db", "three slashes for a relative path"),
        ("sqlite:///", "needs a file, not ''"),
        ("sqlite:///:memory:", "use MemoryStore"),
        ("sqlite:///runs.db?mode=ro", "takes no parameters"),
        ("memory://shared", "write memory://"),
        ("mysql://root@host/db", "no store is known for mysql://; there are sqlite:///"),
        ("host=db password=secret", "this is no address of a store; write one of"),
        ("postgresql://me:sec/ret@host/db", "the address of the Postgres store cannot be read"),
    ],
)
def test_another_address_is_refused_with_what_to_write(url: str, problem: str) -> None:
    with pytest.raises(StoreError, match=problem) as caught:
        open_store(url)

    assert "sec" not in str(caught.value)
