"""A store with a fault does not pass the contract."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cnstra.persist.ports import Store
from cnstra.stores import MemoryStore
from cnstra.stores.memory.run import MemoryRun
from cnstra.stores.memory.shelf import Shelf
from cnstra.testing import StoreContract

Method = Callable[..., Any]


def skips_the_fence(apply: Method) -> Method:
    def broken(self: Any, delta: Any, now: float) -> Any:
        delta.fence = self._fence
        return apply(self, delta, now)

    return broken


def applies_twice(apply: Method) -> Method:
    def broken(self: Any, delta: Any, now: float) -> Any:
        delta.sequence = self._sequence + 1
        return apply(self, delta, now)

    return broken


def forgets_contexts(state: Method) -> Method:
    return lambda self: replace(state(self), contexts={})


def takes_the_newest_first(open_runs: Method) -> Method:
    return lambda self, scope: reversed(list(open_runs(self, scope)))


def returns(value: object) -> Callable[[Method], Method]:
    return lambda _: lambda *_: value


def first_page_only(select: Method) -> Method:
    return lambda self, where: self.key > 2 and select(self, where)


FAULTS: dict[str, tuple[type, str, Callable[[Method], Method]]] = {
    "a commit of a zombie is applied": (MemoryRun, "apply", skips_the_fence),
    "a delta is applied twice": (MemoryRun, "apply", applies_twice),
    "a claim forgets the contexts": (MemoryRun, "state", forgets_contexts),
    "the newest run is taken first": (Shelf, "open_runs", takes_the_newest_first),
    "a run that is not due is taken": (MemoryRun, "is_waiting", returns(value=False)),
    "the run of a living worker is taken": (MemoryStore, "_living", returns(frozenset())),
    "the run of a dead worker is not taken": (MemoryStore, "_living", returns({"worker", "other"})),
    "a run that kills its workers is never parked": (MemoryRun, "lose", returns(0)),
    "a retry leaves failed tasks failed": (MemoryRun, "forgive", returns(None)),
    "history is not kept": (MemoryRun, "history", returns([])),
    "the oldest runs are in no list": (MemoryRun, "is_selected", first_page_only),
}


async def first_failure(contract: type) -> str | None:
    """Run the tests that need nothing but a store, until one fails; return its name."""
    for name, test in inspect.getmembers(contract, inspect.iscoroutinefunction):
        if not name.startswith("test_") or list(inspect.signature(test).parameters) != ["self", "store"]:
            continue
        store: Store = MemoryStore()
        try:
            await test(contract(), store)
        except (Exception, pytest.fail.Exception):  # noqa: BLE001 - a fault shows in any way
            return name
    return None


async def test_a_store_without_a_fault_passes() -> None:
    assert await first_failure(StoreContract) is None


@pytest.mark.parametrize(("kind", "method", "fault"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_is_caught(
    kind: type, method: str, fault: Callable[[Method], Method], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, method, fault(getattr(kind, method)))

    assert await first_failure(StoreContract) is not None
