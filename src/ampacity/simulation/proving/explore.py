"""An explicit-state model checker: breadth first, so that the first fault it meets is a shortest one.

States are immutable and hashable; a visited state is remembered by its 64-bit hash alone (at a million states
two share one with a probability of 3 in 10^8), so that a search holds in memory. The way to a fault is found
again by taking the same actions from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, TypeVar

from msgspec import Struct

S = TypeVar("S", bound=Hashable)
A = TypeVar("A")


class Move(Struct, Generic[S, A], frozen=True, gc=False):
    """One thing that can happen: the state after it, and what it breaks (empty: nothing)."""

    action: A
    state: S
    broken: str = ""


class Explored(Struct, Generic[S, A], frozen=True, kw_only=True):
    """What a search found. `complete`: no state is left that was not looked at. `way`: the actions to the
    fault `broken`, where there is one."""

    states: int
    moves: int
    depth: int
    complete: bool
    broken: str = ""
    start: S | None = None
    way: tuple[A, ...] = ()


def explore(
    starts: Iterable[S],
    moves: Callable[[S], Iterator[Move[S, A]]],
    *,
    most_states: int,
    going_on: Callable[[int, int], bool] = lambda states, depth: True,
) -> Explored[S, A]:
    """Everything reachable from `starts`, up to `most_states` or until `going_on(states, depth)` says no."""
    visited: dict[int, tuple[int | None, A | None]] = {}
    begins: dict[int, S] = {}
    frontier: list[S] = []
    for start in starts:
        if hash(start) not in visited:
            visited[hash(start)] = (None, None)
            begins[hash(start)] = start
            frontier.append(start)
    made = depth = 0
    while frontier:
        deeper: list[S] = []
        for state in frontier:
            here = hash(state)
            for move in moves(state):
                made += 1
                if move.broken:
                    start_hash, way = _way(visited, here)
                    return Explored(
                        states=len(visited),
                        moves=made,
                        depth=depth + 1,
                        complete=False,
                        broken=move.broken,
                        start=begins[start_hash],
                        way=(*way, move.action),
                    )
                key = hash(move.state)
                if key not in visited:
                    visited[key] = (here, move.action)
                    deeper.append(move.state)
            if len(visited) >= most_states or not going_on(len(visited), depth):
                return Explored(states=len(visited), moves=made, depth=depth, complete=False)
        frontier = deeper
        depth += bool(frontier)
    return Explored(states=len(visited), moves=made, depth=depth, complete=True)


def _way(visited: dict[int, tuple[int | None, A | None]], last: int) -> tuple[int, tuple[A, ...]]:
    way: list[A] = []
    at = last
    while True:
        before, action = visited[at]
        if before is None or action is None:
            return at, tuple(reversed(way))
        way.append(action)
        at = before
