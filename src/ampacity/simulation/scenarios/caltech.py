"""The workplace whose sessions everybody replays: 54 EVSEs in the garage at Caltech.

Wiring and ratings are those of the network that ACN-Sim publishes for the site (Z. J. Lee et al., "ACN-Sim:
an open-source simulator for data-driven electric vehicle charging research", IEEE Transactions on Smart Grid,
2021; `caltech_acn`): 208 V EVSEs between two lines of a 120/208 V secondary, two pods of eight on a feeder of
80 A each, and a transformer of 150 kVA from 480 V delta. That the EVSEs give any current from 0 to 32 A is an
assumption of its `BASIC` form; the real ones step by 1 A and by 8 A.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct

from ..batch.world import SLOTS, Evses, F, Rows
from ..electrical.phasors import delta_wye_primary, line_currents

_AV_POD: Final = (324, 325, 326, 327, 489, 490, 491, 492)
_CC_POD: Final = (322, 493, 496, 320, 495, 321, 323, 494)
_BETWEEN: Final[dict[str, tuple[int, ...]]] = {
    "L1-L2": (308, 508, 303, 513, 310, 506, 316, 500, 318, 498, *_AV_POD, *_CC_POD),
    "L2-L3": (304, 512, 305, 511, 313, 503, 311, 505, 317, 499, 148, 149, 212, 213),
    "L3-L1": (307, 509, 309, 507, 306, 510, 315, 501, 319, 497, 312, 504, 314, 502),
}
"""Which spaces stand between which two lines."""

STATIONS: Final = tuple(f"CA-{space}" for spaces in _BETWEEN.values() for space in spaces)
"""Names as session files have them, in the order of the arrays."""

ROWS: Final = (
    "CC pod",
    "AV pod",
    "secondary L1",
    "secondary L2",
    "secondary L3",
    "primary A",
    "primary B",
    "primary C",
)

MAX_A: Final = 32.0
LINE_V: Final = 208.0
POD_A: Final = 80.0
_SECONDARY_V: Final = 120.0
_PRIMARY_V: Final = 277.0
"""Line to neutral, as the network's ratings are reckoned: kVA / 3 / 277 on the 480 V side."""
_TURNS: Final = 4.0
"""480 V line to line over 120 V line to neutral."""


Entry: TypeAlias = tuple[int, int, int, complex]
"""EVSE, slot, row, amperes there for one of the slot."""


class MeteredSite(Struct, frozen=True, kw_only=True):
    """EVSEs and rows of the batch world with their names. `root_rows` are the grid connection's conductors:
    the transformer's secondary."""

    evses: Evses
    rows: Rows
    stations: tuple[str, ...]
    row_names: tuple[str, ...]
    root_rows: tuple[int, ...]


def caltech_site(transformer_kva: float = 150.0) -> MeteredSite:
    """The site behind a transformer of `transformer_kva` (150 is the real one; a smaller one makes it bind).

    Nothing else loads it: the real building hangs on other transformers.
    """
    if not transformer_kva > 0.0:
        raise ValueError(f"transformer_kva {transformer_kva!r} must be above 0: the real one has 150")
    entries: list[Entry] = []
    place = 0
    for connection, spaces in _BETWEEN.items():
        secondary = line_currents("wye", connection)[:3, 0]
        primary = delta_wye_primary(secondary, _TURNS, clock=11)
        for space in spaces:
            for row, pod in enumerate((_CC_POD, _AV_POD)):
                if space in pod:
                    # All of a pod stand between the same two lines: amperes add as numbers.
                    entries.append((place, 0, row, 1.0 + 0j))
            entries += [(place, 0, 2 + k, complex(at)) for k, at in enumerate(secondary) if abs(at) > 1e-9]
            entries += [(place, 0, 5 + k, complex(at)) for k, at in enumerate(primary) if abs(at) > 1e-9]
            place += 1
    per_phase_w = transformer_kva * 1000.0 / 3.0
    limit_a = (
        *(2 * (POD_A,)),
        *(3 * (per_phase_w / _SECONDARY_V,)),
        *(3 * (per_phase_w / _PRIMARY_V,)),
    )
    return MeteredSite(
        evses=ac_evses(len(STATIONS), entries, volt_v=LINE_V, max_a=MAX_A, slots=1),
        rows=unloaded_rows(np.array(limit_a)),
        stations=STATIONS,
        row_names=ROWS,
        root_rows=(2, 3, 4),
    )


def unloaded_rows(limit_a: F) -> Rows:
    """Rows that carry nothing but EVSEs, have no breaker and keep their limit."""
    r = len(limit_a)
    return Rows(
        limit_a=limit_a.reshape(1, r).copy(),
        base_re=np.zeros((1, r)),
        base_im=np.zeros((1, r)),
        storage_re=np.zeros(r),
        storage_im=np.zeros(r),
        rated_a=np.full(r, np.inf),
        trip_heat=np.full(r, np.inf),
        quick_s=np.ones(r),
        slow_s=np.ones(r),
        magnetic=np.full(r, np.inf),
    )


def ac_evses(n: int, entries: list[Entry], *, volt_v: float, max_a: float, slots: int) -> Evses:
    """AC EVSEs that give any current up to `max_a`, all alike, from what their slots load."""
    ordered = sorted(entries, key=lambda entry: entry[:3])
    per_slot = np.bincount([place * SLOTS + slot for place, slot, _, _ in ordered], minlength=n * SLOTS)
    return Evses(
        min_a=np.zeros(n),
        max_a=np.full(n, max_a),
        step_a=np.zeros(n),
        volt_v=np.full(n, volt_v),
        slots=np.full(n, slots, np.int64),
        dc=np.zeros(n, np.bool_),
        rating_w=np.full(n, np.inf),
        efficiency=np.ones(n),
        standby_w=np.zeros(n),
        safe_a=np.zeros(n),
        priority=np.zeros(n, np.int64),
        weight=np.ones(n),
        cabinet=np.full(n, -1, np.int64),
        pool=np.full(n, -1, np.int64),
        derates=np.zeros(n, np.bool_),
        entry_start=np.concatenate(([0], np.cumsum(per_slot))).astype(np.int64),
        entry_row=np.array([row for _, _, row, _ in ordered], np.int64),
        entry_re=np.array([at.real for _, _, _, at in ordered]),
        entry_im=np.array([at.imag for _, _, _, at in ordered]),
    )
