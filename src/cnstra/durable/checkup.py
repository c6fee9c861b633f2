"""The check before a deploy: which stored runs this code could not resume."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, final

from cnstra.durable.fitness import Fitness, Misfit
from cnstra.errors import StoreError
from cnstra.persist.records import RunFilter, RunStatus

if TYPE_CHECKING:
    from cnstra.persist.ports import Store

__all__ = ["CheckReport", "RunProblem", "check_runs"]

_PAGE: Final = 100
_MAX_IDS: Final = 10
_UNFINISHED: Final[RunFilter] = RunFilter(frozenset[RunStatus](("pending", "running", "failed", "aborted")))


@final
@dataclass(frozen=True, slots=True)
class RunProblem:
    """One reason why stored runs could not be resumed.

    Attributes:
        kind: ``"neuron"``, ``"collateral"``, ``"dendrite"``, ``"modality"``, ``"afferent path"``, ``"payload"``,
            ``"context"``, ``"options"``, or ``"run"`` for one that cannot be read at all.
        name: What it is about.
        problem: What is wrong, and what to do.
        count: How many runs have it.
        stimulation_ids: The first ten of them.
    """

    kind: str
    name: str
    problem: str
    count: int
    stimulation_ids: Sequence[str]

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.stimulation_ids) else ""
        runs = "run" if self.count == 1 else "runs"
        return (
            f"{self.kind} {self.name!r}: {self.problem} [{self.count} {runs}: {', '.join(self.stimulation_ids)}{more}]"
        )


@final
@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `DurableRunner.check` found; ``print`` it.

    Attributes:
        checked: How many runs were looked at: those that are not over, and those that could be retried.
        unfit: How many of them this code could not resume.
        problems: Why, the most frequent first.
        is_complete: Whether every run was looked at; ``False`` if the limit came first.
    """

    checked: int = 0
    unfit: int = 0
    problems: Sequence[RunProblem] = field(default=())
    is_complete: bool = True

    @property
    def is_clean(self) -> bool:
        """Whether every run that was looked at could be resumed."""
        return not self.unfit

    def __str__(self) -> str:
        scope = "" if self.is_complete else " (more are stored)"
        lines = [f"{self.checked} unfinished runs checked{scope}; this code can resume {self.checked - self.unfit}"]
        lines += [f"  {problem}" for problem in self.problems]
        return "\n".join(lines)


async def check_runs(store: Store, scope: str, fitness: Fitness, limit: int | None) -> CheckReport:
    """Look at the runs of *scope* with something left to do, the newest first, a page at a time.

    Args:
        store: Where they are.
        scope: Which graph's.
        fitness: Knows the code at hand.
        limit: How many at most; ``None`` for all.
    """
    checked = unfit = 0
    found: dict[Misfit, RunProblem] = {}
    async for stimulation_id in _unfinished(store, scope):
        if checked == limit:
            break
        checked += 1
        misfits = await _misfits(store, scope, stimulation_id, fitness)
        unfit += bool(misfits)
        for misfit in misfits:
            found[misfit] = _with(found.get(misfit), misfit, stimulation_id)
    else:
        return CheckReport(checked, unfit, _sorted(found.values()))
    return CheckReport(checked, unfit, _sorted(found.values()), is_complete=False)


async def _unfinished(store: Store, scope: str) -> AsyncIterator[str]:
    cursor: str | None = None
    while True:
        page = await store.list(scope, where=_UNFINISHED, limit=_PAGE, cursor=cursor)
        for run in page.runs:
            if run.outstanding:
                yield run.stimulation_id
        cursor = page.cursor
        if cursor is None:
            return


async def _misfits(store: Store, scope: str, stimulation_id: str, fitness: Fitness) -> list[Misfit]:
    try:
        state = await store.peek(scope, stimulation_id)
    except StoreError as error:
        await store.workers()  # which fails, too, if it is the store that is out of reach, and not the run
        return [Misfit("run", stimulation_id, f"it cannot be read ({error})")]
    return [] if state is None else fitness.misfits(state)


def _with(known: RunProblem | None, misfit: Misfit, stimulation_id: str) -> RunProblem:
    if known is None:
        return RunProblem(misfit.kind, misfit.name, misfit.problem, 1, (stimulation_id,))
    ids = known.stimulation_ids
    more = (*ids, stimulation_id) if len(ids) < _MAX_IDS else ids
    return replace(known, count=known.count + 1, stimulation_ids=more)


def _sorted(problems: Iterable[RunProblem]) -> tuple[RunProblem, ...]:
    return tuple(sorted(problems, key=lambda one: (-one.count, one.kind, one.name, one.problem)))
