"""What a person is told of schedules that fail, and of many that do not."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

from tests.simulation.plans import Plan
from tests.simulation.world import Violation

__all__ = ["report", "summary"]

_LATEST = 200


def report(seed: int, found: Violation, least: Violation) -> str:
    """Return what is wrong, how to see it again, and what led to it in the least schedule that has it."""
    notes = least.world.notes
    left_out = max(len(notes) - _LATEST, 0)
    return "\n".join(
        [
            f"seed {seed}: {found}",
            f"again: make simulate SEED={seed}",
            "",
            f"The least schedule that fails: {least}",
            *_plan(least.world.plan),
            "",
            *([f"({left_out} earlier events are left out)"] if left_out else []),
            *map(str, notes[left_out:]),
        ]
    )


def summary(counts: Counter[str], schedules: int, seconds: float) -> str:
    """Return how much was simulated."""
    lines = [f"{schedules} schedules in {seconds:.1f} s of processor time: {schedules / seconds:.0f} a second"]
    lines += [f"  {count:9,}  {what}" for what, count in sorted(counts.items(), key=lambda item: -item[1])]
    return "\n".join(lines)


def _plan(plan: Plan) -> list[str]:
    lines = []
    for part in fields(plan):
        value = getattr(plan, part.name)
        if isinstance(value, tuple):
            lines += [f"  {part.name}[{number}] = {one}" for number, one in enumerate(value)]
        else:
            lines.append(f"  {part.name} = {value}")
    return lines
