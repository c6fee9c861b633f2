"""What the handlers did outside: the effects that no commit takes back."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from tests.durability.shapes import Token
    from tests.simulation.processes import Process
    from tests.simulation.world import World

__all__ = ["Journal"]


@final
class Journal:
    """Every call of a handler in every process; sees at each one that it is allowed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.meanings: dict[str, tuple[str, str, int]] = {}
        self.calls: Counter[str] = Counter()
        self._attempts: set[tuple[str, int]] = set()

    def called(self, process: Process, activation_id: str, neuron: str, token: Token, attempt_number: int) -> int:
        """Write down that a handler was called; return how often that activation was run by now."""
        world = self._world
        process.effect()
        if not process.alive:
            return 1  # it died just before
        self.calls[activation_id] += 1
        world.counts["handler calls"] += 1
        world.note(process.name, f"runs {activation_id} {neuron} {token.key}/{token.round} in attempt {attempt_number}")
        meaning = (neuron, token.key, token.round)
        known = self.meanings.setdefault(activation_id, meaning)
        if known != meaning:
            world.violate(f"{activation_id} was {known}, and now it is {meaning}")
        call = (activation_id, attempt_number)
        if call in self._attempts:
            world.violate(f"attempt {attempt_number} runs {activation_id} twice")
        self._attempts.add(call)
        run_id, _, ordinal = activation_id.rpartition(":")
        world.ledger.runs[run_id].starts(process, int(ordinal), attempt_number)
        return self.calls[activation_id]
