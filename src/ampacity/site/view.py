"""What people see of the site: the law's ledger and the EVSEs' state as `model.live` views."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from ..control.types import CircuitLedger, Decision
from ..model.events import CircuitMeterFailed
from ..model.live import CircuitView, EvseView, Reason, RowView, SessionView, SiteView
from ..model.phases import ZERO, PerPhase
from ..model.site import Site
from .knowledge import LiveEvse
from .live_site import SAMPLE_INTERVAL_S
from .wiring import Wiring

DRAWING_W = 50.0


def site_view(
    site: Site,
    wiring: Wiring,
    evses: dict[tuple[str, int], LiveEvse],
    decision: Decision,
    metered: dict[str, PerPhase | None],
    faults: Mapping[str, CircuitMeterFailed],
    at: float,
    now: datetime,
    speed: float,
    demo: bool,
) -> SiteView:
    """The whole site now."""
    drawn = wiring.drawn_a(list(evses.values()))
    beside = {c.circuit_id for c in site.circuits if c.meter is not None and c.meter.measures != "everything"}
    within = {circuit_id: ZERO if circuit_id in beside else cars for circuit_id, cars in drawn.items()}
    circuits = []
    for circuit in site.circuits:
        ledger, fault = decision.circuits[circuit.circuit_id], faults.get(circuit.circuit_id)
        state: Literal["none", "fresh", "stale", "dead"] = (
            "dead" if ledger.meter_state == "lost" else ledger.meter_state
        )
        circuits.append(
            CircuitView(
                circuit_id=circuit.circuit_id,
                name=circuit.name,
                parent_id=circuit.parent_id,
                rating_a=circuit.rating_a,
                limit_a=ledger.limit_a,
                limit_source=ledger.limit_source,
                meter_state=state,
                metered_a=rounded(metered.get(circuit.circuit_id)),
                base_a=rounded(building_a(circuit.circuit_id, decision, within, metered)) or ZERO,
                ev_a=rounded(drawn[circuit.circuit_id]) or ZERO,
                reserve_a=rounded(ledger.reserve_a) or ZERO,
                margin_a=round(ledger.margin_a, 2),
                meter_fault=fault.fault if fault is not None else None,
                meter_text=fault.text if fault is not None else None,
                rows=row_views(ledger),
            )
        )
    views = tuple(evse_view(live, wiring, decision, at, now, site.lease_s) for live in evses.values())
    root = site.root
    ledger = decision.circuits[root.circuit_id]
    return SiteView(
        site_id=site.site_id,
        name=site.name,
        at=now,
        speed=speed,
        demo=demo,
        strategy=site.strategy,
        voltage_v=site.voltage_v,
        overloaded=decision.overloaded,
        base_power_w=round(sum(building_a(root.circuit_id, decision, within, metered)) * site.voltage_v),
        ev_power_w=round(sum(view.power_w for view in views)),
        limit_power_w=round(3.0 * ledger.limit_a * site.voltage_v),
        circuits=tuple(circuits),
        evses=views,
    )


_UNITS: dict[str, Literal["W", "VA"]] = {"watts": "W", "va": "VA"}


def row_views(ledger: CircuitLedger) -> tuple[RowView, ...]:
    """What else the law limits in a circuit; cabinets are no circuit's."""
    views = []
    for row in ledger.others:
        if row.kind == "phase" or row.kind == "cabinet":
            continue
        views.append(
            RowView(
                kind=row.kind,
                # Rows of one conductor come by threes in the order of the phases.
                phase=None if row.kind in _UNITS else row.row % 3,
                unit=_UNITS.get(row.kind, "A"),
                limit=round(row.limit, 2),
                limit_source=row.limit_source,
                margin=round(row.margin, 2),
                base=round(row.base, 2),
                reserve=round(row.reserve, 2),
                granted=round(row.grants, 2),
            )
        )
    return tuple(views)


def building_a(
    circuit_id: str, decision: Decision, within: dict[str, PerPhase], metered: dict[str, PerPhase | None]
) -> PerPhase:
    """What flows beside the cars: the meter less the cars that are `within` it. Where no meter tells, what
    the law assumes.

    The law's own base is the highest of the last half minute, which is its business and not what a person
    calls the building's load. It is the upper bound here: a car that rises and has not reported looks like
    building for some seconds, and the law knows better.
    """
    ledger, meter = decision.circuits[circuit_id], metered.get(circuit_id)
    if meter is None or ledger.meter_state not in ("fresh", "stale"):
        return ledger.base_a
    cars = within[circuit_id]
    one, two, three = (min(max(0.0, meter[phase] - cars[phase]), ledger.base_a[phase]) for phase in range(3))
    return one, two, three


def evse_view(
    live: LiveEvse, wiring: Wiring, decision: Decision, at: float, now: datetime, lease_s: float
) -> EvseView:
    """One EVSE now."""
    evse = live.evse
    grant = decision.grants.get(evse.key)
    limit_a = live.limit_in_force_a(at)
    measured_a = live.measured_a or ZERO
    held_a = decision.held_a.get(evse.key, 0.0)
    drawing = live.power_w if live.power_w is not None and live.transaction is not None else 0.0
    return EvseView(
        station_id=evse.station_id,
        evse_id=evse.evse_id,
        label=evse.label or f"{evse.station_id}/{evse.evse_id}",
        circuit_id=evse.circuit_id,
        phases=wiring.phases_at_root(evse.circuit_id, evse.phases),
        max_a=evse.max_a,
        dc=evse.dc_power_w is not None,
        status=live.status,
        online=live.online,
        version=live.version,
        vendor=live.vendor,
        grant_a=round(limit_a, 1),
        grant_w=round(limit_a * len(evse.phases) * live.voltage_v),
        measured_a=rounded(wiring.at_root(evse.circuit_id, measured_a)) or ZERO,
        power_w=round(drawing),
        reserve_a=round(max(0.0, held_a - max(measured_a)), 1) if evse.key in decision.reserved else 0.0,
        session=session_view(live, decision, at, now),
        reasons=grant.reasons if grant is not None else (Reason(code="no_session"),),
        trust=live.conduct.verification.trust,
        alarms=live.alarms(at, SAMPLE_INTERVAL_S),
        meter_state=live.meter_state(at, SAMPLE_INTERVAL_S),
        writes_last_hour=live.conduct.writes.limits(at),
        renewals_last_hour=live.conduct.writes.renewals(at),
        write_budget=live.conduct.write_budget,
        time_to_safe_s=live.conduct.time_to_safe_s(lease_s, live.clock.error_s),
    )


def session_view(live: LiveEvse, decision: Decision, at: float, now: datetime) -> SessionView | None:
    """The car at an EVSE, None without one."""
    transaction = live.transaction
    if transaction is None:
        return None
    power_w = live.power_w or 0.0
    missing_wh = None if live.need_wh is None else max(0.0, live.need_wh - transaction.energy_wh)
    state: Literal["charging", "waiting", "paused", "full", "connected"]
    if live.paused:
        state = "paused"
    elif live.verdict.held == "goal":
        state = "full"
    elif live.verdict.held is not None:
        state = "waiting"
    elif power_w > DRAWING_W:
        state = "charging"
    elif transaction.charging_state == "SuspendedEV":
        state = "full" if missing_wh is None or missing_wh < 500.0 else "connected"
    elif live.limit_in_force_a(at) <= 0.0:
        state = "waiting"
    else:
        state = "connected"
    return SessionView(
        transaction_id=transaction.transaction_id,
        token=transaction.token.value if transaction.token is not None else None,
        started_at=transaction.started_at,
        energy_wh=round(transaction.energy_wh, 1),
        state=state,
        need_wh=live.need_wh,
        departure=live.departure,
        ready_at=ready_at(missing_wh, power_w, now),
        soc_percent=live.soc_percent,
        boosted=live.boosted,
        paused=live.paused,
        goals=live.goals if live.goals.any else None,
        goal_reached=live.goal_reached,
    )


def ready_at(missing_wh: float | None, power_w: float, now: datetime) -> datetime | None:
    """When the car has what it needs at its present power; None if the need is unknown or nothing flows."""
    if missing_wh is None:
        return None
    if missing_wh <= 0.0:
        return now.replace(microsecond=0)
    if power_w <= DRAWING_W:
        return None
    return (now + timedelta(hours=missing_wh / power_w)).replace(second=0, microsecond=0)


def rounded(value: PerPhase | None) -> PerPhase | None:
    """To 0.01 A: finer is noise, and would make every view differ from the last."""
    if value is None:
        return None
    return round(value[0], 2), round(value[1], 2), round(value[2], 2)
