"""What the page is made of."""

from __future__ import annotations

import gzip
import json
import re
import subprocess

import yaml

from cnstra.devtools.static_files import BUILT_PAGE
from tests.devtools.browser.api_types import DESCRIPTION, ROOT, TYPES, typescript
from tests.servers.processes import find_on_path, missing

UI = ROOT / "ui"


def test_the_types_of_the_page_are_those_of_the_description() -> None:
    made = typescript(yaml.safe_load(DESCRIPTION.read_text()))

    assert TYPES.read_text() == made, "the description of the API has changed: run `make ui-types`"


def test_its_logic_holds_without_a_browser() -> None:
    node = find_on_path("node")
    if node is None or not (UI / "node_modules").is_dir():
        missing("Node with the packages of the page", hint="`make ui` gets them")
    done = subprocess.run([node, UI / "test" / "run.mjs"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_its_scripts_are_small_and_name_no_other_place() -> None:
    scripts = [path.read_bytes() for path in BUILT_PAGE.rglob("*.js")]
    if not scripts:
        missing("built page", hint="`make ui` builds it with Node")

    addresses = set(re.findall(rb"https?://[\w.-]+", b"".join(scripts)))

    assert sum(len(gzip.compress(script)) for script in scripts) < 80 * 1024
    assert addresses <= {b"http://www.w3.org"}


def test_it_has_few_packages_and_their_addresses_are_in_no_file() -> None:
    package = json.loads((UI / "package.json").read_text())
    packages = json.loads((UI / "package-lock.json").read_text())["packages"]

    assert len(package["dependencies"]) <= 5
    assert not any("resolved" in one for one in packages.values())
