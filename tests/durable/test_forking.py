from hypothesis import given
from hypothesis import strategies as st

from cnstra.durable.forking import branch_at
from cnstra.durable.run_options import EntryTask
from cnstra.persist.records import SignalRow, StoredTask, TaskRow, TaskSettled


def settled(ordinal: int, contexts: dict[str, bytes | None] | None = None, attempt: int = 1) -> StoredTask:
    """Return a settled task that was given signal *ordinal*."""
    task = TaskRow(ordinal, f"n{ordinal}", "c", 1, ordinal)
    given = SignalRow(ordinal, "c", 2, b"%d" % ordinal, ordinal - 1)
    return StoredTask(TaskSettled(ordinal, attempt, task, "done", contexts=contexts), given, ())


def test_a_branch_starts_with_the_task_and_its_input() -> None:
    branch = branch_at([settled(0), settled(1)], 1, {})

    assert branch is not None
    assert branch.task == EntryTask("n1", "c", 1)
    assert branch.input == SignalRow(0, "c", 2, b"1", None)


def test_the_contexts_are_those_that_the_tasks_before_it_have_left() -> None:
    history = [
        settled(0, {"a": b"1", "b": b"1"}),
        settled(1, {"a": b"2"}),
        settled(2, {"b": None}),
        settled(3, {"a": b"4"}),
    ]

    branch = branch_at(history, 3, {"b": b"0", "c": b"0"})

    assert branch is not None
    assert branch.contexts == {"a": b"2", "c": b"0"}


def test_of_a_task_that_settled_twice_the_last_time_counts() -> None:
    branch = branch_at([settled(0), settled(1, {"a": b"1"}), settled(0, {"a": b"2"}, attempt=2)], 0, {})

    assert branch is not None
    assert branch.contexts == {"a": b"1"}


def test_there_is_no_branch_at_a_task_that_has_not_settled() -> None:
    assert branch_at([settled(0)], 1, {}) is None


names = st.sampled_from(["a", "b", "c"])
changes = st.dictionaries(names, st.none() | st.sampled_from([b"1", b"2"]))


@given(hops=st.lists(changes, min_size=1, max_size=8))
def test_a_branch_never_sees_what_its_own_task_or_a_later_one_has_done(hops: list[dict[str, bytes | None]]) -> None:
    history = [settled(ordinal, contexts) for ordinal, contexts in enumerate(hops)]

    for ordinal in range(len(hops)):
        shorter = [*history[:ordinal], settled(ordinal)]
        assert branch_at(history, ordinal, {}) == branch_at(shorter, ordinal, {})
