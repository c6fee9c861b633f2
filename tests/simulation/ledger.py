"""What the store has done, operation by operation: it must have been right to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, final

from tests.simulation.accounts import OPEN, RunAccount

if TYPE_CHECKING:
    from cnstra.persist.records import RunState
    from tests.simulation.network import Request
    from tests.simulation.processes import Process
    from tests.simulation.world import World

__all__ = ["Ledger"]


@final
class Ledger:
    """The accounts of all runs, and the leases of all workers.

    A worker that loses a run must know of it in time, and start no handler of it any more. These are excused:

    - a process that was stopped as a whole, or whose machine slept, until it has had the time to find out;
    - one whose event loop is blocked while its heartbeat hangs;
    - a worker that takes a run from itself, with a request that it has given up and that comes through all the same, or
      since its lease has ended without its knowing;
    - a worker whose name another one had before: whoever knows that one to be dead may take it for dead, too, and the
      other one's last request may remove its row.
    """

    def __init__(self, world: World) -> None:
        self.runs: dict[str, RunAccount] = {}
        self._world = world
        self._holders: dict[str, Process] = {}
        self._namesakes: Counter[str] = Counter()
        self._leases: dict[str, float] = {}

    def see(self, request: Request, result: Any) -> None:
        """Take account of an operation that the store has done."""
        match request.operation:
            case "commit" | "admit" | "claim" | "take" | "settle" | "put_back":
                self._see_of_runs(request, result)
            case "add_worker" | "beat" | "remove_worker":
                self._see_of_workers(request, result)
            case _:
                pass

    # ---- runs ------------------------------------------------------------------------------------------------

    def _see_of_runs(self, request: Request, result: Any) -> None:
        args = request.args
        match request.operation:
            case "commit":
                for delta, applied in zip(args[0], result, strict=True):
                    self.runs[delta.stimulation_id].written(delta, request.process, applied=applied)
            case "admit" if result is not None:
                account = self.runs[result.run.stimulation_id]
                account.admitted(args[0])
                if args[1] is not None:
                    account.granted(result, request.process)
            case "claim":
                self._see_settled(request)
                for state in result:
                    self._give(request, state)
            case "take" if result is not None:
                self._give(request, result, forgives=True)
            case "settle" if result:
                self._require_free(request, self.runs[args[1]])
                self.runs[args[1]].taken_away(args[2])
            case "put_back" if result:
                next(run for run in self.runs.values() if run.key == args[0]).put_back()

    def _see_settled(self, request: Request) -> None:
        """Take account of what a claim has ended instead of giving it out."""
        for account in self.runs.values():
            stored = self._world.stored(account.run_id) if account.is_open else None
            if stored is not None and stored.status not in OPEN:
                self._require_free(request, account)
                account.taken_away(stored.status)

    def _give(self, request: Request, state: RunState, *, forgives: bool = False) -> None:
        account = self.runs[state.run.stimulation_id]
        self._require_free(request, account)
        account.granted(state, request.process, forgives=forgives)

    def _require_free(self, request: Request, account: RunAccount) -> None:
        """See that nobody loses a run who lives, and whose lease lasts."""
        owner, asker, now = account.owner, request.process, self._world.now
        if owner is None or not owner.alive:
            return
        has_row = self._holders.get(owner.worker_id) is owner
        if owner is asker and not (request.is_late or owner.is_unaware) and has_row:
            return  # it does not run it: it has made sure of that
        dead = sorted(request.keywords["dead"])
        is_confused = self._namesakes[owner.worker_id] > 1 and owner.worker_id in dead
        if owner is asker or is_confused:
            self._world.counts["taken by mistake"] += 1
            account.robbed(owner)
        elif self._leases.get(owner.worker_id, 0.0) > now:
            self._world.violate(f"run {account.run_id} is taken from {owner.name} by {asker.name}, which has {dead}")
        elif owner.is_unaware or not has_row:
            account.robbed(owner)

    # ---- workers ---------------------------------------------------------------------------------------------

    def _see_of_workers(self, request: Request, result: Any) -> None:
        process, args = request.process, request.args
        match request.operation:
            case "add_worker":
                name = args[0].worker_id
                self._namesakes[name] += self._holders.get(name) is not process
                self._holders[name] = process
                self._leases[name] = self._world.now + args[1]
            case "beat" if result:
                self._leases[args[0]] = self._world.now + args[1]
            case "remove_worker":
                self._leases.pop(args[0], None)
                self._holders.pop(args[0], None)
