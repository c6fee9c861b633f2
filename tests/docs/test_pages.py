"""What the pages refer to is there, and what is there is on a page."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cnstra
from cnstra import CNS, DurableRunner, HandlerContext, Neuron, errors
from cnstra.workers import JobHandler, stimulation_job
from tests.docs.pages import PAGES, ROOT

LINKED = [*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of the headings, made as the common renderers make them."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def options_of(function: Callable[..., Any]) -> list[str]:
    """Return the names of the public keyword-only parameters."""
    parameters = inspect.signature(function).parameters.values()
    keywords = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    return [name for name in keywords if not name.startswith("_")]


@pytest.mark.parametrize(
    "page", [page for page in LINKED if page.exists()], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(prose_of(page)):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors_of(file)):
            broken.append(target)

    assert broken == []


def test_every_page_is_linked_from_the_index_and_the_readme() -> None:
    for page in sorted((ROOT / "docs").glob("*.md")):
        if page.name != "index.md":
            assert f"({page.name})" in text_of("docs/index.md")
            assert f"(docs/{page.name})" in text_of("README.md")


@pytest.mark.parametrize("name", cnstra.__all__)
def test_every_public_name_is_on_a_page(name: str) -> None:
    pages = "".join(text_of(f"docs/{page.name}") for page in PAGES if page.name != "README.md")

    assert re.search(rf"\b{name}\b", pages)


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_has_a_row_that_says_what_to_do(name: str) -> None:
    rows = [line for line in text_of("docs/errors.md").splitlines() if line.startswith("| `")]

    assert any(f"`{name}`" in row.split("|")[1] for row in rows)


def test_the_tree_of_errors_is_the_tree_of_the_code() -> None:
    drawn = re.findall(r"[─ ]([A-Z]\w+)", text_of("docs/errors.md").split("```")[1])

    assert {*drawn, "CNSError"} >= set(errors.__all__)
    assert len(drawn) == len(set(drawn))


@pytest.mark.parametrize(
    ("page", "function"),
    [
        ("running.md", CNS.stimulate),
        ("building.md", CNS),
        ("building.md", Neuron.dendrite),
        ("building.md", Neuron.modality_dendrite),
        ("durability.md", DurableRunner),
        ("durability.md", DurableRunner.stimulate),
        ("durability.md", DurableRunner.enqueue),
        ("durability.md", DurableRunner.fork),
        ("durability.md", DurableRunner.list),
        ("durability.md", DurableRunner.purge),
        ("brokers.md", JobHandler),
        ("brokers.md", stimulation_job),
        ("names.md", cnstra.CNSPersistOptionsRegistry),
        ("names.md", cnstra.CNSPersistOptionsRegistry.register),
        ("names.md", cnstra.CNSPersistOptionsRegistry.register_collateral),
    ],
    ids=lambda value: getattr(value, "__qualname__", value),
)
def test_every_option_is_described(page: str, function: Callable[..., Any]) -> None:
    text = text_of(f"docs/{page}")
    if page == "durability.md":
        text += text_of("docs/workers.md")  # its second half
    if function in {DurableRunner.stimulate, DurableRunner.enqueue}:
        text += text_of("docs/running.md")  # what means the same in memory is described there

    assert [name for name in options_of(function) if not re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        ("building.md", HandlerContext),
        ("building.md", cnstra.Network),
        ("running.md", cnstra.Response),
        ("running.md", cnstra.StimulationGate),
        ("durability.md", DurableRunner),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_every_public_method_is_described(page: str, kind: type) -> None:
    members = [name for name in dir(kind) if not name.startswith("_")]
    text = text_of(f"docs/{page}") + text_of("docs/workers.md" if kind is DurableRunner else f"docs/{page}")

    assert [name for name in members if not re.search(rf"\b{name}\b", text)] == []
