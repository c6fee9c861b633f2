from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cnstra.workers.wire import from_wire, is_progress, to_wire

names = st.text(min_size=1, max_size=3)
plain = st.none() | st.integers() | st.lists(st.integers(), max_size=2) | st.dictionaries(names, st.integers())
inputs = st.none() | st.fixed_dictionaries(
    {"collateral_name": names, "payload": plain}, optional={"version": st.integers(2, 9)}
)
tasks = st.fixed_dictionaries(
    {"neuron_name": names, "dendrite_collateral_name": names, "input": inputs},
    optional={"dendrite_index": st.integers(1, 9)},
)
progress = st.fixed_dictionaries({"tasks": st.lists(tasks, max_size=3), "context": st.dictionaries(names, plain)})


@given(progress)
def test_progress_comes_back_as_it_was(data: dict[str, Any]) -> None:
    assert is_progress(to_wire(data))
    assert from_wire(to_wire(data)) == data


def test_the_original_leaves_out_what_is_undefined_and_may_add_what_we_do_not_know() -> None:
    wire = {
        "tasks": [{"neuronName": "n", "dendriteCollateralName": "c", "input": {"collateralName": "c"}, "colour": 1}],
        "context": {},
        "version": 7,
    }

    assert from_wire(wire)["tasks"] == [
        {"neuron_name": "n", "dendrite_collateral_name": "c", "input": {"collateral_name": "c", "payload": None}}
    ]


def test_what_others_keep_as_progress_is_told_apart() -> None:
    others: list[Any] = [
        None,
        0,
        42,
        "half",
        [],
        {},
        {"tasks": []},
        {"tasks": {}, "context": {}},
        {"tasks": [], "context": None},
    ]

    assert not any(is_progress(one) for one in others)
