import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra import CNS, collateral, neuron
from cnstra.graphs import GraphModel, dump_graph, group_of, read_graph, to_dot, to_json, to_markdown, to_mermaid
from tests.graphs import network

TEXTS = [to_markdown, to_mermaid, to_dot, to_json]
HOSTILE = st.text(st.characters() | st.sampled_from('`"\\|<>[](){}#;&*_\n\r\x1b\ud800%'), min_size=1, max_size=12)


def test_mermaid_shows_neurons_edges_entries_and_exits() -> None:
    assert to_mermaid(read_graph(network.cns, network.registry)).splitlines() == [
        "flowchart LR",
        '    n0["deckNeuron"]',
        '    n1["cards"]',
        '    n0 -->|"deck-created"| n1',
        '    c1(("archived"))',
        "    n0 --> c1",
        '    n1 -->|"started"| n0',
        '    c3(["anything"])',
        "    c3 --> n1",
    ]


def test_dot_shows_the_same() -> None:
    assert to_dot(read_graph(network.cns, network.registry)).splitlines()[3:] == [
        '    n0 [label="deckNeuron"];',
        '    n1 [label="cards"];',
        '    n0 -> n1 [label="deck-created"];',
        '    c1 [label="archived", shape=ellipse, style=dashed];',
        "    n0 -> c1;",
        '    n1 -> n0 [label="started"];',
        '    c3 [label="anything", shape=ellipse, style=solid];',
        "    c3 -> n1;",
        "}",
    ]


def grouped() -> GraphModel:
    """Return the model of a graph of which two neurons belong together."""
    started = collateral(str, name="started")
    names = ("billing.charge", "mail", "billing.refund")
    return read_graph(CNS([neuron({}, name=name).dendrite(started, lambda: None) for name in names]))


def test_mermaid_has_a_frame_around_a_group() -> None:
    assert to_mermaid(grouped()).splitlines()[1:6] == [
        '    subgraph g0["billing"]',
        '        n0["billing.charge"]',
        '        n2["billing.refund"]',
        "    end",
        '    n1["mail"]',
    ]


def test_dot_has_a_frame_around_a_group() -> None:
    assert to_dot(grouped()).splitlines()[3:9] == [
        "    subgraph cluster_0 {",
        '        label="billing";',
        '        n0 [label="billing.charge"];',
        '        n2 [label="billing.refund"];',
        "    }",
        '    n1 [label="mail"];',
    ]


def test_markdown_tells_what_each_neuron_listens_to_and_emits() -> None:
    text = dump_graph(network.cns, network.registry)

    assert "2 neurons, 4 collaterals" in text
    assert "## `deckNeuron`\n\nOwns the decks.\n\n(keeps `list[str]`; at most 2 at once; at most 1.5 s)" in text
    handler = "`tests.graphs.network.open_deck`"
    assert rf"- `started` (`str`) from `cards`: {handler} (async). Open a \*new\* deck." in text
    assert "- `deck-created` (`dict[str, int]`) (as `created`) → `cards`\n- `archived` (`str`) → nobody" in text
    assert "- `anything` from outside: `modality_dendrite` (by modality `by-click`)" in text
    assert text.endswith("**Cycles:**\n\n- `deckNeuron`, `cards`\n")


def test_json_has_everything() -> None:
    data = json.loads(to_json(read_graph(network.cns, network.registry)))

    assert [one["name"] for one in data["neurons"]] == ["deckNeuron", "cards"]
    assert data["collaterals"][0]["subscribers"] == ["n1"]
    assert data["cycles"] == [["n0", "n1"]]
    assert "\n" not in to_json(read_graph(network.cns), indent=0)


@pytest.mark.parametrize("export", TEXTS)
def test_an_empty_graph_is_a_graph(export: Callable[[GraphModel], str]) -> None:
    assert export(read_graph(CNS([])))


@pytest.mark.parametrize("export", TEXTS)
def test_the_text_is_the_same_each_time(export: Callable[[GraphModel], str]) -> None:
    assert export(read_graph(network.cns)) == export(read_graph(network.cns))


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_no_name_breaks_out_of_mermaid(neuron: str, entry: str, middle: str, exit_: str) -> None:
    lines = to_mermaid(read_graph(network.named(neuron, entry, middle, exit_))).splitlines()

    assert len(lines) == 7 + 2 * (group_of(neuron) is not None)
    assert all(re.fullmatch(r'[^"`<>]*("[^"`<>&|{}\[\]]*"[^"]*)?', line.replace("-->", "")) for line in lines)


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_no_name_breaks_out_of_dot(neuron: str, entry: str, middle: str, exit_: str) -> None:
    text = to_dot(read_graph(network.named(neuron, entry, middle, exit_)))

    is_grouped = group_of(neuron) is not None
    assert len(text.splitlines()) == text.count("\n") == 10 + 3 * is_grouped
    quoted = re.compile(r'"(?:[^"\\]|\\["\\])*"')
    assert '"' not in quoted.sub("", text)
    assert len(quoted.findall(text)) == 4 + is_grouped


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_no_name_breaks_out_of_markdown(neuron: str, entry: str, middle: str, exit_: str) -> None:
    text = dump_graph(network.named(neuron, entry, middle, exit_))

    plain = dump_graph(network.named("a", "b", "c", "d"))
    assert [line[:2] for line in text.splitlines()] == [line[:2] for line in plain.splitlines()]
    text.encode()


@given(HOSTILE)
def test_every_name_is_json(name: str) -> None:
    data = json.loads(to_json(read_graph(network.named(name, "b", "c", "d"))))

    assert data["neurons"][0]["name"] == name.encode("utf-8", "replace").decode()
