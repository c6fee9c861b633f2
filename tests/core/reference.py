"""The semantics of a run, told as plainly as possible: what the scheduler is checked against.

A plan is a graph whose handlers follow a script. A payload is the path that led to it (``"0B1"`` is output 1 of
step B, which got the first entry), so every activation of a run can be told from every other.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class Step(NamedTuple):
    """One dendrite: what it listens on, and what its handler does with a payload.

    `brief` is a coroutine function that never suspends, `patient` one that waits until the test lets it go on.
    """

    number: int
    neuron: int
    listens: int
    kind: Literal["sync", "brief", "patient"]
    emits: tuple[int, ...]
    shape: Literal["one", "list", "tuple"]
    fails: bool


class Task(NamedTuple):
    """One activation."""

    step: Step
    payload: str


@dataclass
class Plan:
    """A graph, its limits, and what a run of it starts with; `fuel` is how many steps a path has at most."""

    steps: Sequence[Step]
    entries: Sequence[int]
    limits: Sequence[int | None]
    fuel: int
    concurrency: int | None = None
    max_hops: int | None = None

    @property
    def size(self) -> int:
        """How many activations a run without failures and limits has."""
        size, signals = 0, Counter(self.entries)
        for _ in range(self.fuel):
            size += sum(signals[step.listens] for step in self.steps)
            emitted = [(target, signals[step.listens]) for step in self.steps for target in step.emits]
            signals = Counter()
            for target, count in emitted:
                signals[target] += count
        return size

    def outputs(self, task: Task) -> list[tuple[int, str]]:
        """Return collateral and payload of each signal that the handler of a task returns."""
        path = task.payload + chr(ord("A") + task.step.number)
        spent = len(path) // 2 >= self.fuel
        return [] if spent else [(target, f"{path}{index}") for index, target in enumerate(task.step.emits)]


@dataclass
class Reference:
    """Runs a plan; `choose` picks which of the active bodies goes on next, where none of them is brief."""

    plan: Plan
    choose: Callable[[Sequence[Task]], Task]
    queue: deque[Task] = field(default_factory=deque)
    gated: list[Task] = field(default_factory=list)
    slotted: deque[Task] = field(default_factory=deque)
    active: list[Task] = field(default_factory=list)
    hops: Counter[int] = field(default_factory=Counter)
    bodies: list[Task] = field(default_factory=list)
    failed: list[Task] = field(default_factory=list)
    responses: list[tuple[str | None, str | None, bool, int, int]] = field(default_factory=list)
    drains: list[tuple[int, int]] = field(default_factory=list)

    def run(self) -> Reference:
        """Interpret the plan to its end."""
        self.emit(None, [(target, f"{index}") for index, target in enumerate(self.plan.entries)])
        self.pump()
        while self.active:
            brief = [task for task in self.active if task.step.kind == "brief"]
            task = brief[0] if brief else self.choose(self.active)
            self.active.remove(task)
            self.leave(task)
            self.settle(task)
            self.pump()
        return self

    def pump(self) -> None:
        """Start what can start; then the turn ends."""
        while self.slotted or (self.queue and self.has_room()):
            if self.slotted:
                self.gated.remove(self.slotted[0])
                self.start(self.slotted.popleft())
            else:
                self.enter(self.queue.popleft())
        self.drains.append((len(self.queue) + len(self.gated), len(self.active)))

    def has_room(self) -> bool:
        """Whether the run's own limit lets another body start."""
        return self.plan.concurrency is None or len(self.active) < self.plan.concurrency

    def enter(self, task: Task) -> None:
        """Start a body, or let it wait for a slot of its neuron."""
        neuron, limit = task.step.neuron, self.plan.limits[task.step.neuron]
        taken = sum(one.step.neuron == neuron for one in [*self.active, *self.gated])
        if limit is None or taken < limit:
            self.start(task)
        else:
            self.gated.append(task)

    def leave(self, task: Task) -> None:
        """Give the slot of a body to the first who waits for it."""
        waiting = [one for one in self.gated if one.step.neuron == task.step.neuron and one not in self.slotted]
        self.slotted.extend(waiting[:1])

    def start(self, task: Task) -> None:
        """Start a body, unless its neuron may not be activated any more."""
        if self.plan.max_hops is not None and self.hops[task.step.neuron] >= self.plan.max_hops:
            self.fail(task)
            self.leave(task)
            return
        self.hops[task.step.neuron] += 1
        self.bodies.append(task)
        if task.step.kind == "sync":
            self.leave(task)
            self.settle(task)
        else:
            self.active.append(task)

    def settle(self, task: Task) -> None:
        """Take what a body came to."""
        outputs = self.plan.outputs(task)
        if task.step.fails:
            self.fail(task)
        elif outputs:
            self.emit(task.payload, outputs)
        else:
            self.respond(task.payload, None, error=False)

    def fail(self, task: Task) -> None:
        """Note a failure."""
        self.failed.append(task)
        self.respond(task.payload, None, error=True)

    def emit(self, source: str | None, outputs: Sequence[tuple[int, str]]) -> None:
        """Tell of each signal, all successors counted in; then enqueue these."""
        steps = self.plan.steps
        successors = [Task(step, path) for target, path in outputs for step in steps if step.listens == target]
        for index, (_, path) in enumerate(outputs):
            more = index + 1 < len(outputs)
            self.respond(source, path, error=False, ahead=len(successors), more=more)
        self.queue.extend(successors)

    def respond(
        self, source: str | None, output: str | None, *, error: bool, ahead: int = 0, more: bool = False
    ) -> None:
        """Count what is pending and active; while signals are still to be told of, something is pending."""
        pending, active = len(self.queue) + len(self.gated) + ahead, len(self.active)
        self.responses.append((source, output, error, pending or int(more and not active), active))
