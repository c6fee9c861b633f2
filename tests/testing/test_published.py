"""The contract as the author of a store elsewhere meets it."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import cnstra.testing
from cnstra.testing import StoreContract, store_contract
from tests.docs.pages import ROOT, blocks_of

MY_PACKAGE = """
from cnstra.stores import MemoryStore


class MyStore:
    def __init__(self, url):
        self._inner = MemoryStore()

    def __getattr__(self, name):
        return getattr(self._inner, name)
"""


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest as in a project that has no settings."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def the_example_of_the_page() -> str:
    [example] = [block for block in blocks_of(ROOT / "docs" / "stores.md", "py") if "test_my_store.py" in block.source]
    return example.source


def test_one_fixture_and_one_class_run_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "my_package.py").write_text(MY_PACKAGE)
    (tmp_path / "test_my_store.py").write_text(the_example_of_the_page())

    outcome = run_pytest(tmp_path, "-W", "error")

    passed = re.search(r"(\d+) passed", outcome.stdout)
    assert outcome.returncode == 0, outcome.stdout
    assert passed is not None
    assert int(passed[1]) > 140


def test_a_failure_shows_the_values(tmp_path: Path) -> None:
    broken = MY_PACKAGE + "\n    async def claim(self, *_, **__):\n        return []\n"
    (tmp_path / "my_package.py").write_text(broken)
    (tmp_path / "test_my_store.py").write_text(the_example_of_the_page())

    outcome = run_pytest(tmp_path, "-k", "test_unfit_runs_are_passed_over")

    assert outcome.returncode == 1
    assert "assert [] == ['run-3', 'run-4']" in outcome.stdout


def test_a_transactional_store_needs_its_ledger(tmp_path: Path) -> None:
    (tmp_path / "my_package.py").write_text(MY_PACKAGE + "\n    is_transactional = True\n")
    (tmp_path / "test_my_store.py").write_text(the_example_of_the_page())

    outcome = run_pytest(tmp_path, "-k", "test_statements_and_hop_are_one_commit")

    assert outcome.returncode == 1
    assert "is transactional, so its tests need a fixture `ledger`" in outcome.stdout


def test_every_part_of_the_contract_is_in_it() -> None:
    parts = set()
    for module in pkgutil.iter_modules(store_contract.__path__):
        loaded = importlib.import_module(f"{store_contract.__name__}.{module.name}")
        parts |= {value for name, value in vars(loaded).items() if name.endswith("Contract")}

    assert parts == set(StoreContract.__bases__)


def test_no_test_hides_another_one() -> None:
    names = [name for part in StoreContract.__bases__ for name in vars(part) if name.startswith("test_")]

    assert len(names) == len(set(names))


def test_all_that_is_exported_is_there() -> None:
    assert all(hasattr(cnstra.testing.building, name) for name in cnstra.testing.building.__all__)
