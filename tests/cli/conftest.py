"""A directory with the application in it."""

import shutil
from pathlib import Path

import pytest

from tests.cli.calling import HERE


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(HERE / "app.py", tmp_path / "app.py")
    return tmp_path
