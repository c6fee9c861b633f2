"""Pure graph algorithms, all of them iterative: a graph may be deeper than the recursion limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

__all__ = ["components", "reachable"]

N = TypeVar("N")


def reachable(edges: Mapping[N, Iterable[N]], starts: Iterable[N]) -> set[N]:
    """Return *starts* and every node that can be arrived at from them."""
    seen: set[N] = set()
    frontier = list(starts)
    while frontier:
        node = frontier.pop()
        if node not in seen:
            seen.add(node)
            frontier.extend(edges.get(node, ()))
    return seen


def components(edges: Mapping[N, Sequence[N]]) -> list[list[N]]:
    """Return the strongly connected components of *edges*, each successor before its predecessors (Tarjan, 1972).

    Every node must be a key of *edges*.
    """
    index: dict[N, int] = {}
    low: dict[N, int] = {}
    stack: list[N] = []
    on_stack: set[N] = set()
    found: list[list[N]] = []
    for root in edges:
        if root in index:
            continue
        path = [(root, iter(edges[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while path:
            node, successors = path[-1]
            for successor in successors:
                if successor not in index:
                    index[successor] = low[successor] = len(index)
                    stack.append(successor)
                    on_stack.add(successor)
                    path.append((successor, iter(edges[successor])))
                    break
                if successor in on_stack:
                    low[node] = min(low[node], index[successor])
            else:
                path.pop()
                if path:
                    parent = path[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == index[node]:
                    found.append(_pop_component(stack, on_stack, node))
    return found


def _pop_component(stack: list[N], on_stack: set[N], root: N) -> list[N]:
    component: list[N] = []
    while True:
        node = stack.pop()
        on_stack.discard(node)
        component.append(node)
        if node is root:
            component.reverse()
            return component
