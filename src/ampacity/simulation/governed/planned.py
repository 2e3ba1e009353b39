"""The demo's plan (`scenario.WorldPlan`) as a scene: the same EVSEs, cars, building and breakers.

The charger of a car is first order in the batch world. Where a step is longer than the charger's dead time,
dead time and time constant are taken together: the energy is the same, the first seconds after a change are
not. Where it isn't, the dead time is left to whoever gives the orders (`law`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...model.site import Site
from ..arrivals import Visit
from ..batch.outcome import Scene
from ..batch.world import (
    CURVE_POINTS,
    NO_CABINETS,
    NO_FAULTS,
    NO_STORAGE,
    SLOTS,
    TAPER_CURVE,
    F,
    Series,
    Visits,
    World,
)
from ..cars import AC_LAG, DC_LAG, Lag
from ..fleet import Curve
from ..scenario import WorldPlan
from .wiring import evses_of, rows_of

PLUG_S = 5.0
"""From the plug to the first current: the driver walks to the reader (2..8 s in the live world)."""


def scene_of(
    plan: WorldPlan,
    site: Site,
    *,
    hours: float,
    step_s: float = 1.0,
    begun_s: Mapping[str, float] | None = None,
) -> Scene:
    """`hours` of `plan` from its start on, at `site` (its EVSEs in the plan's order).

    `begun_s`: by session id, when its transaction began where that is known (else `PLUG_S` after the plug).
    """
    steps = round(hours * 3600.0 / step_s)
    starts_s = plan.starts_at.timestamp()
    building = plan.building()
    base_a = np.array([building.current_a(starts_s + (t + 0.5) * step_s) for t in range(steps)])
    end_s = starts_s + steps * step_s
    visits = [v for v in plan.visits if v.departure_s > starts_s and v.arrival_s < end_s and v.station_id]
    if begun_s is not None:
        visits = [visit for visit in visits if visit.session_id in begun_s]
    curves: dict[Curve, int] = {}
    world = World(
        step_s=step_s,
        steps=steps,
        evses=evses_of(site),
        rows=rows_of(site, base_a, plan.breaker_curve),
        visits=_visits(plan, visits, starts_s, curves, begun_s or {}, step_s),
        storage=NO_STORAGE,
        cabinets=NO_CABINETS,
        series=_series(base_a.sum(axis=1) * plan.voltage_v),
        faults=NO_FAULTS,
        curves=_curves(curves),
        repair_s=np.inf,
        plug_s=PLUG_S if begun_s is None else 0.0,
    )
    root = next(k for k, circuit in enumerate(site.circuits) if circuit.parent_id is None)
    return Scene(
        name=plan.name,
        starts_at=plan.starts_at,
        time_zone=site.time_zone,
        world=world,
        evses=tuple(f"{evse.station_id}/{evse.evse_id}" for evse in site.evses),
        rows=tuple(f"{circuit.circuit_id} L{phase}" for circuit in site.circuits for phase in (1, 2, 3)),
        visits=tuple(visit.session_id for visit in visits),
        root_rows=(3 * root, 3 * root + 1, 3 * root + 2),
    )


def _following(lag: Lag, way: str, step_s: float) -> float:
    """The time constant of a charger upwards or downwards."""
    constant_s: float = getattr(lag, way)
    return constant_s if step_s <= lag.dead_s else lag.dead_s + constant_s


def _series(base_w: F) -> Series:
    none = np.zeros(1)
    return Series(buy=none, sell=none, co2=none, pv_w=none, base_w=base_w, derate=np.ones(1))


def _curves(curves: dict[Curve, int]) -> F:
    """A line of 101 points for each curve in the order of its number."""
    at = np.linspace(0.0, 1.0, CURVE_POINTS)
    lines = [np.interp(at, [soc for soc, _ in curve], [share for _, share in curve]) for curve in curves]
    return np.array(lines) if lines else np.ones((1, CURVE_POINTS))


def _visits(
    plan: WorldPlan,
    visits: list[Visit],
    starts_s: float,
    curves: dict[Curve, int],
    begun_s: Mapping[str, float],
    step_s: float,
) -> Visits:
    """The plan's visits, each with its car; `curves` gets a number for every charging curve."""
    arrive_s = [begun_s.get(each.session_id, max(each.arrival_s - starts_s, 0.0)) for each in visits]
    order = sorted(range(len(visits)), key=lambda k: arrive_s[k])
    visits[:] = [visits[k] for k in order]
    arrive_s.sort()
    place = {evse.key: i for i, evse in enumerate(plan.evses)}
    kinds = [visit.car.archetype for visit in visits]
    at = [place[(visit.station_id or "", visit.evse_id)] for visit in visits]
    dc = np.array([plan.evses[i].dc_power_w is not None for i in at], np.bool_)
    v = len(visits)
    max_a = np.zeros((v, SLOTS))
    for k, kind in enumerate(kinds):
        max_a[k, : len(kind.ac_max_a)] = kind.ac_max_a
    nan, inf = np.full(v, np.nan), np.full(v, np.inf)
    declared_s = [each.user_estimate_departure for each in visits]
    return Visits(
        arrive_s=np.array(arrive_s),
        depart_s=np.array([each.departure_s - starts_s for each in visits]),
        evse=np.array(at, np.int64),
        pool=np.full(v, -1, np.int64),
        energy_wh=np.array([each.requested_wh for each in visits]),
        declared_wh=np.array([np.nan if e.declared_wh is None else e.declared_wh for e in visits]),
        declared_depart_s=np.array([np.nan if s is None else s.timestamp() - starts_s for s in declared_s])
        if visits
        else nan,
        stay_s=inf,
        leaves_done=np.zeros(v, np.bool_),
        soc=np.array([each.car.soc for each in visits]),
        soc_needed=np.zeros(v),
        before=np.full(v, -1, np.int64),
        trip_wh=np.zeros(v),
        capacity_wh=np.array([kind.battery_wh for kind in kinds]),
        slots=np.array([len(kind.ac_max_a) for kind in kinds], np.int64),
        max_a=max_a,
        min_a=np.array([kind.min_a for kind in kinds]),
        accept_w=np.array([kind.accept_w for kind in kinds]),
        efficiency=np.where(
            dc, [kind.dc_efficiency for kind in kinds], [kind.ac_efficiency for kind in kinds]
        ),
        dc_max_w=np.array([kind.dc_max_w for kind in kinds]),
        taper=np.full(v, TAPER_CURVE, np.int64),
        taper_from=np.ones(v),
        curve=np.array([curves.setdefault(kind.curve, len(curves)) for kind in kinds], np.int64),
        discharge_w=np.zeros(v),
        soc_floor=np.zeros(v),
        up_s=np.where(dc, _following(DC_LAG, "up_s", step_s), _following(AC_LAG, "up_s", step_s)),
        down_s=np.where(dc, _following(DC_LAG, "down_s", step_s), _following(AC_LAG, "down_s", step_s)),
        priority=np.zeros(v, np.int64),
        weight=np.ones(v),
        balk_at=np.full(v, v + 1, np.int64),
        patience_s=inf,
        reserve_s=inf,
        reserve_until_s=inf,
    )
