"""What must be true of a store and of the world when the fire is out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import msgspec

from cnstra.persist.ports import Store
from cnstra.persist.records import RunState, StoredTask
from tests.durability.shapes import Memory, Outcome, Token, reference
from tests.fire.effects import Effect, Effects, Try
from tests.fire.graph import meaning_of, shape_of

__all__ = ["Evidence", "gather", "judge"]


@final
@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is left of one run.

    Attributes:
        state: The run as the store has it.
        history: Its settled activations, in the order in which they were committed.
        tries: The calls of its handlers, in the order in which they began.
        effects: What they did outside.
    """

    state: RunState
    history: Sequence[StoredTask]
    tries: Sequence[Try] = ()
    effects: Collection[Effect] = ()
    prefix: str = field(default="")

    @property
    def done(self) -> list[StoredTask]:
        """The activations that succeeded."""
        return [task for task in self.history if task.settled.status == "done"]

    def id_of(self, task: StoredTask) -> str:
        """Return the activation id of a settled activation."""
        return f"{self.state.run.stimulation_id}:{task.settled.ordinal}"


async def gather(store: Store, effects: Effects, run_ids: Collection[str]) -> list[Evidence]:
    """Return what is left of each run.

    Raises:
        AssertionError: If a run is not stored: it was lost.
    """
    tries: Mapping[str, list[Try]] = defaultdict(list)
    for one in effects.journal():
        tries[one.run_id].append(one)
    happened: Mapping[str, list[Effect]] = defaultdict(list)
    for effect in effects.all():
        happened[effect.activation_id.rpartition(":")[0]].append(effect)
    unknown = {*tries, *happened} - set(run_ids)
    assert not unknown, f"handlers ran for runs that nobody started: {sorted(unknown)}"
    found = []
    for run_id in run_ids:
        state = await store.peek("", run_id)
        assert state is not None, f"{run_id} is lost"
        found.append(Evidence(state, await store.tasks("", run_id), tries[run_id], happened[run_id]))
    return found


def judge(evidence: Evidence) -> None:
    """See that the run came to what it comes to undisturbed, and that nothing of it was done twice.

    Raises:
        AssertionError: If not; the message names the run.
    """
    run_id = evidence.state.run.stimulation_id
    outcome, expected = _outcome(evidence), reference(shape_of(run_id))
    assert outcome == expected, f"{run_id}: {outcome} is not {expected}"
    _require_each_commit_once(evidence)
    _require_commits_in_order(evidence)
    _require_each_effect_once(evidence)
    _require_one_owner_at_a_time(evidence)
    _require_nothing_ran_after_its_commit(evidence)


def _outcome(evidence: Evidence) -> Outcome:
    state = evidence.state
    outcome = Outcome(state.run.status)
    for task in evidence.done:
        assert task.input is not None
        token = msgspec.json.decode(task.input.payload, type=Token)
        name = task.settled.task.neuron_name
        outcome.done[name, token.key, token.round] += 1
        for signal in task.outputs:
            one = msgspec.json.decode(signal.payload, type=Token)
            outcome.emitted[name, signal.collateral_name, one.key, one.round] += 1
    for row in state.tasks:
        assert row.signal is not None
        token = msgspec.json.decode(state.signals[row.signal].payload, type=Token)
        outcome.left[row.neuron_name, token.key, token.round] += 1
    contexts = {name: msgspec.json.decode(value, type=Memory).seen for name, value in state.contexts.items()}
    outcome.contexts = {name: sorted(seen) for name, seen in contexts.items()}
    return outcome


def _require_each_commit_once(evidence: Evidence) -> None:
    done = Counter(evidence.id_of(task) for task in evidence.done)
    twice = [one for one, times in done.items() if times > 1]
    assert not twice, f"committed as done twice: {twice}"


def _require_commits_in_order(evidence: Evidence) -> None:
    """See that nobody committed after he had lost the run, and that what caused something was committed before it."""
    attempts = [task.settled.attempt_number for task in evidence.history]
    assert attempts == sorted(attempts), f"{evidence.state.run.stimulation_id}: an old attempt has committed"
    done: set[int] = set()
    for task in evidence.history:
        producer = None if task.input is None else task.input.producer
        assert producer is None or producer in done, f"{evidence.id_of(task)} comes before its cause"
        if task.settled.status == "done":
            done.add(task.settled.ordinal)


def _require_each_effect_once(evidence: Evidence) -> None:
    happened = Counter(evidence.effects)
    wanted = Counter(
        Effect(evidence.id_of(task), meaning_of(task.settled.task.neuron_name, _token(task))) for task in evidence.done
    )
    assert happened == wanted, f"too much: {happened - wanted}; too little: {wanted - happened}"


def _token(task: StoredTask) -> Token:
    assert task.input is not None
    return msgspec.json.decode(task.input.payload, type=Token)


def _require_one_owner_at_a_time(evidence: Evidence) -> None:
    """See that an attempt, which begins each time that a worker takes the run, ran in one process only."""
    owners: Mapping[int, set[int]] = defaultdict(set)
    for one in evidence.tries:
        owners[one.attempt_number].add(one.pid)
    shared = {number: pids for number, pids in owners.items() if len(pids) > 1}
    assert not shared, f"{evidence.state.run.stimulation_id}: attempts in several processes: {shared}"


def _require_nothing_ran_after_its_commit(evidence: Evidence) -> None:
    """See that no call of a handler began, in the attempt of its commit or a later one, when its outcome was on disk.

    It was on disk if one of its successors has been called: that waits for the commit. A worker that has lost the run
    and does not know it yet may call handlers; their attempt is an earlier one.
    """
    done_in = {evidence.id_of(task): task.settled.attempt_number for task in evidence.done}
    cause_of = {
        evidence.id_of(task): f"{evidence.state.run.stimulation_id}:{task.input.producer}"
        for task in evidence.history
        if task.input is not None and task.input.producer is not None
    }
    on_disk: set[str] = set()
    for one in evidence.tries:
        attempt = done_in.get(one.activation_id)
        assert attempt is None or one.attempt_number <= attempt, f"{one} is done since attempt {attempt}"
        again = one.activation_id in on_disk and one.attempt_number == attempt
        assert not again, f"{one} was on disk before"
        cause = cause_of.get(one.activation_id)
        if cause is not None:
            on_disk.add(cause)
