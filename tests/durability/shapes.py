"""Graphs to crash in, as plain data, and what a run of one comes to when nothing disturbs it."""

import random
from collections import Counter, deque
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Token:
    """The payload of every signal."""

    key: str
    round: int = 0


@dataclass
class Memory:
    """The context value of every neuron that has one."""

    seen: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Node:
    """One neuron, with one dendrite.

    Attributes:
        name: Of the neuron, and of the collateral that it listens on.
        listens: Of the collateral that it listens on, if that is another node's.
        to: The collaterals that it emits on.
        copies: How many signals on each of them.
        rounds: How often it emits to itself first.
        remembers: Whether it keeps the keys that it has seen in its context.
        joins: How many keys it waits for before it emits.
        breaks: It fails for keys with this end, always.
        flaky: How often each activation fails before it succeeds.
        waits: Whether it is a coroutine function that suspends.
    """

    name: str
    to: tuple[str, ...] = ()
    copies: int = 1
    rounds: int = 0
    remembers: bool = False
    joins: int = 0
    breaks: str = ""
    flaky: int = 0
    waits: bool = False
    listens: str = ""

    @property
    def collateral(self) -> str:
        """The name of the collateral that it listens on."""
        return self.listens or self.name


@dataclass(frozen=True, slots=True)
class Shape:
    """A graph; its first node is the entry."""

    name: str
    nodes: tuple[Node, ...]

    @property
    def heals(self) -> bool:
        """Whether retries get it to its end."""
        return any(node.flaky for node in self.nodes)


class Broken(Exception):
    """What a handler raises that fails on purpose."""


def outputs(node: Node, token: Token, memory: Memory) -> list[tuple[str, Token]]:
    """Return what *node* emits for *token*, and change its memory."""
    if node.breaks and token.key.endswith(node.breaks):
        raise Broken(token.key)
    if node.remembers:
        memory.seen.append(f"{token.key}/{token.round}")
    if token.round < node.rounds:
        return [(node.collateral, Token(token.key, token.round + 1))]
    if len(memory.seen) < node.joins:
        return []
    key = "all" if node.joins else token.key
    return [(name, Token(f"{key}.{n}" if node.copies > 1 else key)) for name in node.to for n in range(node.copies)]


@dataclass
class Outcome:
    """Where a run stands in the end; the order in which siblings ran is not part of it."""

    status: str
    done: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    emitted: Counter[tuple[str, str, str, int]] = field(default_factory=Counter)
    left: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    contexts: dict[str, list[str]] = field(default_factory=dict)


def reference(shape: Shape, key: str = "r") -> Outcome:
    """Run *shape* as the engine promises to: first in first out, until nothing is left."""
    nodes = {node.name: node for node in shape.nodes}
    memories: dict[str, Memory] = {}
    outcome = Outcome("completed")
    queue = deque([(shape.nodes[0].name, Token(key))])
    takers: dict[str, list[str]] = {}
    for node in shape.nodes:
        takers.setdefault(node.collateral, []).append(node.name)
    while queue:
        name, token = queue.popleft()
        memory = memories.setdefault(name, Memory())
        try:
            emitted = outputs(nodes[name], token, memory)
        except Broken:
            outcome.status = "failed"
            outcome.left[name, token.key, token.round] += 1
            continue
        outcome.done[name, token.key, token.round] += 1
        outcome.emitted.update((name, target, one.key, one.round) for target, one in emitted)
        queue.extend((taker, one) for target, one in emitted for taker in takers[target])
    outcome.contexts = {name: sorted(memory.seen) for name, memory in memories.items() if memory.seen}
    return outcome


CHAIN = Shape("chain", (Node("c1", ("c2",)), Node("c2", ("c3",), waits=True), Node("c3", ("c4",)), Node("c4")))
FAN_OUT = Shape("fan-out", (Node("o1", ("o2", "o3"), copies=4), Node("o2", waits=True), Node("o3")))
LOOP = Shape("loop", (Node("l1", ("l2",), rounds=12, remembers=True), Node("l2")))
RETRYING = Shape(
    "retrying", (Node("r1", ("r2",), copies=3), Node("r2", ("r3",), flaky=2, remembers=True), Node("r3", waits=True))
)
FAILING = Shape(
    "failing", (Node("f1", ("f2",), copies=4), Node("f2", ("f3",), breaks=".2", waits=True), Node("f3", remembers=True))
)
FAN_IN = Shape(
    "fan-in",
    (
        Node("i1", ("i2",), copies=5),
        Node("i2", ("i3",), waits=True),
        Node("i3", ("i4",), remembers=True, joins=5),
        Node("i4"),
    ),
)
SHARED = Shape(
    "shared",
    (
        Node("s1", ("s2",), copies=2),
        Node("s2", remembers=True),
        Node("s3", ("s6",), listens="s2", waits=True),
        Node("s4", listens="s2"),
        Node("s5", ("s6",), listens="s2", flaky=1),
        Node("s6"),
    ),
)
SHAPES = (CHAIN, FAN_OUT, LOOP, RETRYING, FAILING, FAN_IN, SHARED)


def random_shape(seed: int) -> Shape:
    """Return an acyclic graph of up to seven nodes with a bit of everything; every node listens to an earlier one."""
    dice = random.Random(seed)
    name = f"g{seed}n"
    size = dice.randint(4, 7)
    targets: list[list[str]] = [[] for _ in range(size)]
    for number in range(1, size):
        for source in dice.sample(range(number), k=min(number, dice.choice((1, 1, 2)))):
            targets[source].append(f"{name}{number}")
    nodes = [
        Node(
            f"{name}{number}",
            tuple(targets[number]),
            copies=dice.choice((1, 1, 2)),
            rounds=dice.choice((0, 0, 0, 3)),
            remembers=dice.random() < 0.5,
            flaky=dice.choice((0, 0, 0, 1)),
            waits=dice.random() < 0.4,
        )
        for number in range(size)
    ]
    return _with_join(Shape(f"random-{seed}", tuple(nodes)), dice.randrange(1, size))


def _with_join(shape: Shape, number: int) -> Shape:
    """Let one node of *shape* wait for everything that reaches it."""
    nodes = list(shape.nodes)
    join = replace(nodes[number], rounds=0, flaky=0, remembers=True, joins=0)
    nodes[number] = join
    arrivals = sum(
        n for (name, _, _), n in reference(Shape(shape.name, tuple(nodes))).done.items() if name == join.name
    )
    nodes[number] = replace(join, joins=arrivals)
    return Shape(shape.name, tuple(nodes))
