"""A site as its operator entered it, as rows and EVSEs of the batch world."""

from __future__ import annotations

import numpy as np

from ...control.topology import Topology
from ...model.site import Site
from ..batch.world import SLOTS, Evses, F, Rows
from ..electrical.breaker import CURVES, Curve
from ..evses import RECTIFIER_EFFICIENCY


def evses_of(site: Site, standby_w: float = 0.0) -> Evses:
    """The site's EVSEs in its order; rows are three for each circuit in its order, phase by phase."""
    topology = Topology(site)
    start: list[int] = [0]
    rows: list[int] = []
    for i, evse in enumerate(site.evses):
        for slot in range(SLOTS):
            if slot < len(evse.phases):
                rows.extend(topology.rows_of(i, (evse.phases[slot],)))
            start.append(len(rows))
    dc = np.array([evse.dc_power_w is not None for evse in site.evses], np.bool_)
    return Evses(
        min_a=np.array([evse.min_a for evse in site.evses]),
        max_a=np.array([evse.max_a for evse in site.evses]),
        step_a=np.array([evse.step_a for evse in site.evses]),
        volt_v=np.full(len(dc), site.voltage_v),
        slots=np.array([len(evse.phases) for evse in site.evses], np.int64),
        dc=dc,
        rating_w=np.array([np.inf if e.dc_power_w is None else e.dc_power_w for e in site.evses]),
        efficiency=np.where(dc, RECTIFIER_EFFICIENCY, 1.0),
        standby_w=np.full(len(dc), standby_w),
        safe_a=np.array([evse.safe_a for evse in site.evses]),
        priority=np.array([evse.priority for evse in site.evses], np.int64),
        weight=np.array([evse.weight for evse in site.evses]),
        cabinet=np.full(len(dc), -1, np.int64),
        pool=np.full(len(dc), -1, np.int64),
        derates=np.zeros(len(dc), np.bool_),
        entry_start=np.array(start, np.int64),
        entry_row=np.array(rows, np.int64),
        entry_re=np.ones(len(rows)),
        entry_im=np.zeros(len(rows)),
    )


def rows_of(site: Site, base_a: F, curve: Curve = "MCCB") -> Rows:
    """Ratings as limits, a breaker of `curve` at the grid connection and of type C below; `base_a` (T, 3) is
    the building's load per phase at the grid connection."""
    ratings = np.repeat([circuit.rating_a for circuit in site.circuits], 3)
    root = next(k for k, circuit in enumerate(site.circuits) if circuit.parent_id is None)
    base = np.zeros((len(base_a), len(ratings)))
    base[:, 3 * root : 3 * root + 3] = base_a
    constants = [CURVES[curve if row // 3 == root else "C"] for row in range(len(ratings))]
    feed = np.zeros(len(ratings))
    feed[3 * root : 3 * root + 3] = 1.0 / (3.0 * site.voltage_v)
    return Rows(
        limit_a=ratings[None, :].astype(np.float64),
        base_re=base,
        base_im=np.zeros_like(base),
        storage_re=feed,
        storage_im=np.zeros(len(ratings)),
        rated_a=ratings.astype(np.float64),
        trip_heat=np.array([each.trip_heat for each in constants]),
        quick_s=np.array([each.quick_s for each in constants]),
        slow_s=np.array([each.slow_s for each in constants]),
        magnetic=np.array([each.magnetic for each in constants]),
    )
