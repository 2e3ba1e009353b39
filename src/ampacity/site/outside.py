"""Others' limits at a station, and profiles there that go before ours.

A local energy management or the grid operator may limit a station past us (2.x NotifyChargingLimit, or found
in its reports). Such a limit is a source like any other of the EVSE: more would be granted in vain. It is
never counted as if it held: somebody else may lift it at any moment, and small changes need not be told
(K11.FR.02). A PriorityCharging or LocalGeneration profile goes before a transaction's own: we never install
one, and where one is found the EVSE's maximum is set aside.
"""

from __future__ import annotations

from ..csms.charging import ExternalLimit
from ..csms.state import StationState
from ..model.site import DC_TOLD_SHARE, Evse
from .knowledge import LiveEvse
from .probes import NAMED

GO_BEFORE = ("PriorityCharging", "LocalGeneration")


def look(live: LiveEvse, state: StationState, voltage_v: float) -> None:
    """Take over what the station told of others."""
    evse, conduct = live.evse, live.conduct
    kept = {NAMED: conduct.external[NAMED]} if NAMED in conduct.external else {}
    for (evse_id, source), limit in state.charging.limits.items():
        cap = amperes(limit, evse, voltage_v) if evse_id in (0, evse.evse_id) else None
        if cap is not None:
            kept[source] = min(cap, kept.get(source, cap))
    conduct.external = kept
    found = [
        held.profile.purpose
        for held in state.charging.held.values()
        if held.evse_id in (0, evse.evse_id) and held.profile.purpose in GO_BEFORE
    ]
    conduct.foreign = found[0] if found else ""


def amperes(limit: ExternalLimit, evse: Evse, voltage_v: float) -> float | None:
    """The lowest of what a limit's schedules ever allow, on each of the EVSE's phases; None where it tells no
    number.
    """
    told = []
    for schedule in limit.schedules:
        for period in schedule.periods:
            if period.limit is None:
                continue
            if schedule.unit == "A":
                told.append(period.limit)
            elif evse.dc_power_w is not None:
                told.append(period.limit / DC_TOLD_SHARE / (3.0 * voltage_v))
            else:
                told.append(period.limit / (len(evse.phases) * voltage_v))
    return max(0.0, min(told)) if told else None
