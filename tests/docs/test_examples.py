"""Every example of the documentation runs, prints what the page says, and has correct types."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks_of, module_of, session

WITHOUT_README = [page for page in PAGES if page.name != "README.md"]  # its example is a program: see test_readme.py
WITH_TOP_LEVEL_AWAIT = ["--disable-error-code=top-level-await", "--disable-error-code=syntax"]  # `async with` is that


@pytest.mark.parametrize("page", WITHOUT_README, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run_in_order(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = ""

    with session(page) as running:
        for block in blocks_of(page, "python", "text"):
            if block.language == "text":
                assert printed == block.source, f"{page.name}, line {block.line}"
            else:
                printed = running.run(block)


def test_the_examples_have_correct_types(tmp_path: Path) -> None:
    files = []
    for page in PAGES:
        file = tmp_path / f"{page.stem.lower()}_page.py"
        file.write_text(module_of(page), encoding="utf-8")
        files.append(file)

    command = [sys.executable, "-m", "mypy", *WITH_TOP_LEVEL_AWAIT, *map(str, files)]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_most_examples_run() -> None:
    shown = sum(len(blocks_of(page, "py")) for page in PAGES)
    run = sum(len(blocks_of(page, "python")) for page in PAGES)

    assert shown <= run / 10
