"""Three-phase quantities and how phases of one circuit land on those of another.

A per-phase quantity is a tuple of three floats in the order L1, L2, L3 of the circuit it belongs to. A
rotation says, for each phase of a child, which phase of its parent it is wired to: `(0, 1, 2)` is straight,
`(1, 2, 0)` puts the child's L1 on the parent's L2.
"""

from __future__ import annotations

from typing import TypeAlias

PerPhase: TypeAlias = tuple[float, float, float]
Rotation: TypeAlias = tuple[int, int, int]

ZERO: PerPhase = (0.0, 0.0, 0.0)
STRAIGHT: Rotation = (0, 1, 2)


def to_parent(value: PerPhase, rotation: Rotation) -> PerPhase:
    """Move a child's per-phase value onto the parent's phases."""
    moved = [0.0, 0.0, 0.0]
    for child_phase, parent_phase in enumerate(rotation):
        moved[parent_phase] += value[child_phase]
    return moved[0], moved[1], moved[2]


def add(a: PerPhase, b: PerPhase) -> PerPhase:
    """Sum phase by phase."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def on_phases(current_a: float, phases: tuple[int, ...]) -> PerPhase:
    """`current_a` on each of `phases` (indices 0..2), nothing on the others."""
    spread = [0.0, 0.0, 0.0]
    for phase in phases:
        spread[phase] += current_a
    return spread[0], spread[1], spread[2]
