"""What an EVSE's own meter tells, on its circuit's phases. Unknown stays None: silence is not zero."""

from __future__ import annotations

from ..model.phases import ZERO, PerPhase
from ..model.site import DC_TOLD_SHARE, Evse
from ..model.station import LAST_PHASE, Sample


def power_of(samples: tuple[Sample, ...]) -> float | None:
    """Active import power in W: the sum where it is told, else the phases together."""
    phases: dict[int, float] = {}
    for sample in samples:
        if (
            sample.measurand == "Power.Active.Import"
            and sample.phase <= LAST_PHASE
            and sample.location in ("Outlet", "Inlet")
        ):
            phases.setdefault(sample.phase, sample.value)
    if 0 in phases:
        return phases[0]
    return sum(phases.values()) if phases else None


def current_of(
    samples: tuple[Sample, ...], evse: Evse, voltage_v: float, power_w: float | None
) -> PerPhase | None:
    """Amperes on the circuit's phases: measured where told, else from the power. None where neither is."""
    wanted = "Inlet" if evse.dc_power_w is not None else "Outlet"
    told: dict[int, float] = {}
    for sample in samples:
        if sample.measurand == "Current.Import" and sample.phase <= LAST_PHASE and sample.location == wanted:
            told.setdefault(sample.phase, sample.value)
    current = list(ZERO)
    if told:
        for index, phase in enumerate(evse.phases):
            # A phase that isn't told is not zero: it may carry as much as the highest that is.
            value = told.get(index + 1)
            current[phase] = abs(value) if value is not None else max(map(abs, told.values()))
    elif power_w is not None:
        # A DC station that tells its output only: its supply current is rather overestimated.
        supply_w = abs(power_w) / (DC_TOLD_SHARE if evse.dc_power_w is not None else 1.0)
        for phase in evse.phases:
            current[phase] = supply_w / (voltage_v * len(evse.phases))
    else:
        return None
    return current[0], current[1], current[2]
