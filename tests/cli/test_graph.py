import json

import pytest

from cnstra.cli.ending import Exit
from cnstra.graphs import read_graph, to_dot, to_markdown, to_mermaid
from tests.cli.invoking import document, invoke
from tests.graphs import network

CNS = "tests.graphs.network:cns"
NAMED = (CNS, "--registry", "tests.graphs.network:registry")


@pytest.mark.parametrize(("format_", "write"), [("md", to_markdown), ("mermaid", to_mermaid), ("dot", to_dot)])
def test_a_graph_is_shown_in_each_format(format_: str, write: object) -> None:
    done = invoke("graph", *NAMED, "--format", format_)

    assert callable(write)
    assert (done.exit_code, done.stdout) == (Exit.DONE, write(read_graph(network.cns, network.registry)))


def test_markdown_is_what_is_shown_unless_told_otherwise() -> None:
    assert invoke("graph", CNS).stdout == to_markdown(read_graph(network.cns))


def test_json_is_a_document() -> None:
    graph = document("graph", invoke("graph", *NAMED, "--json").stdout)

    assert [one["name"] for one in graph["neurons"]] == ["deckNeuron", "cards"]
    assert json.loads(invoke("graph", *NAMED, "-f", "json").stdout) == graph


def test_a_runner_brings_its_registry() -> None:
    assert "## `billing`" in invoke("graph", "tests.cli.runs.shop:runner").stdout
    assert "has no name in the registry" not in invoke("graph", "tests.cli.runs.shop:runner").stdout


def test_what_is_no_graph_is_told() -> None:
    done = invoke("graph", "tests.graphs.network:registry")

    assert done.exit_code == Exit.USAGE
    assert done.stderr == (
        "cnstra: tests.graphs.network:registry is a CNSPersistOptionsRegistry; it must be a CNS or a DurableRunner, "
        "or a function that returns one\n"
    )
