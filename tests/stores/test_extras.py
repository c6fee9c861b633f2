from __future__ import annotations

import subprocess
import sys

import pytest

import cnstra.stores

STORES = [("PostgresStore", "psycopg", "postgres"), ("RedisStore", "redis", "redis")]


def output_of(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(("store", "driver", "extra"), STORES)
def test_a_missing_driver_is_told_with_what_to_install(store: str, driver: str, extra: str) -> None:
    program = f"""
import sys
sys.modules[{driver!r}] = None
try:
    from cnstra.stores import {store}
except ImportError as error:
    print(error)
"""

    assert output_of(program).startswith(f"{store} needs a driver: pip install 'cnstra[{extra}]' (")


@pytest.mark.parametrize(("store", "driver", "extra"), STORES)
def test_an_address_whose_driver_is_missing_is_a_store_error(store: str, driver: str, extra: str) -> None:
    program = f"""
import sys
sys.modules[{driver!r}] = None
import cnstra
try:
    cnstra.open_store("{extra}://me:secret@host")
except cnstra.StoreError as error:
    print(error)
"""

    output = output_of(program)

    assert output.startswith(f"{store} needs a driver: pip install 'cnstra[{extra}]' (")
    assert "secret" not in output


def test_no_driver_is_imported_with_the_stores() -> None:
    program = "import sys, cnstra.stores; print([name for name in ('psycopg', 'redis') if name in sys.modules])"

    assert output_of(program) == "[]"


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'OracleStore'"):
        _ = cnstra.stores.OracleStore


def test_its_names_are_listed() -> None:
    assert {"PostgresStore", "RedisStore", "SqliteStore"} <= set(dir(cnstra.stores))
