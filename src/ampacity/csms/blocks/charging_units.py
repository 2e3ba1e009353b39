"""In which unit a station takes its profiles: found out, not assumed.

What it says itself counts (a variable of 2.x, a key of 1.6), and what it took: a station that refuses amperes
is tried with watts, and the unit that it then took is remembered. Converting never raises a limit: phases
that nobody knows count as one on the way to watts, and as three on the way to amperes.
"""

from __future__ import annotations

import math
from typing import Literal

from msgspec.structs import replace

from ...ocpp.profiles import convert
from ...store.charging import RateUnit, save_station_charging
from ..charging import profile_in
from ..context import Context
from ..meters import CURRENT
from ..state import StationState
from ..vocabulary import GetCompositeSchedule, Outcome, SetProfile, VariableRef

_WORDS: dict[str, RateUnit] = {"A": "A", "W": "W", "Current": "A", "Power": "W"}
_SAYING = (
    VariableRef(component="SmartChargingCtrlr", variable="RateUnit"),
    VariableRef(component="OCPP16", variable="ChargingScheduleAllowedChargingRateUnit"),
)
_OTHER: dict[RateUnit, RateUnit] = {"A": "W", "W": "A"}


class ChargingUnits:
    """Finds units out and converts."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def asked_in_its_unit(self, state: StationState, command: GetCompositeSchedule) -> GetCompositeSchedule:
        """The question in the unit that the station knows."""
        only = only_unit(state)
        return command if only is None else replace(command, unit=only)

    def in_its_unit(self, state: StationState, command: SetProfile) -> SetProfile:
        """The command in the unit that the station takes."""
        only = only_unit(state)
        return command if only is None else self._converted(state, command, only)

    def in_the_other(self, state: StationState, command: SetProfile, outcome: Outcome) -> SetProfile | None:
        """The command in the other unit, where its unit may be why it was refused."""
        unit = command.profile.unit
        if only_unit(state) is not None or not _may_be_the_unit(outcome):
            return None
        if any(row.status == "accepted" and profile_in(row).unit == unit for row in state.profiles.values()):
            return None
        return self._converted(state, command, _OTHER[unit])

    def found(self, state: StationState, unit: Literal["A", "W"]) -> None:
        """The station took this unit and refused the other."""
        state.charging.rate_unit = unit
        row = state.charging.row(state.operator_id, state.station_id, self._context.clock.now())
        self._context.store.post(lambda connection: save_station_charging(connection, row))

    def _converted(self, state: StationState, command: SetProfile, to: RateUnit) -> SetProfile:
        profile = command.profile
        if profile.unit == to:
            return command
        voltage_v = self._context.settings.nominal_voltage_v
        known = supply_phases(state, command.evse_id)
        unknown = known or (1 if to == "W" else 3)
        periods = tuple(
            replace(
                period,
                limit=cut(
                    convert(
                        period.limit,
                        profile.unit,
                        to,
                        voltage_v=voltage_v,
                        phases=period.number_phases or unknown,
                    )
                ),
            )
            for period in profile.periods
        )
        return replace(command, profile=replace(profile, unit=to, periods=periods))


def only_unit(state: StationState) -> RateUnit | None:
    """The one unit that the station takes; None where it may take both."""
    if state.charging.rate_unit is not None:
        return state.charging.rate_unit
    for ref in _SAYING:
        said = state.variables.get(ref)
        if said is not None and said.value:
            units = {_WORDS[word] for part in said.value.split(",") if (word := part.strip()) in _WORDS}
            if len(units) == 1:
                return units.pop()
    return None


def supply_phases(state: StationState, evse_id: int) -> int | None:
    """The phases that feed an EVSE (0: the least of the station's), as its site knows, the station tells, or
    the meter shows; None: unknown.
    """
    wired = state.charging.wiring
    if evse_id in wired or (evse_id == 0 and wired):
        return wired[evse_id] if evse_id else min(wired.values())
    for ref in (
        VariableRef(component="EVSE", variable="SupplyPhases", evse_id=evse_id or None),
        VariableRef(component="ChargingStation", variable="SupplyPhases"),
    ):
        said = state.variables.get(ref)
        if said is not None and said.value in ("1", "2", "3"):
            return int(said.value)
    meter = state.meters.get(evse_id)
    if meter is not None and all(meter.value(CURRENT, phase) is not None for phase in (1, 2, 3)):
        return 3
    return None


def cut(limit: float) -> float:
    """Down to the one decimal of the wire."""
    return math.floor(round(limit * 10, 6)) / 10


def _may_be_the_unit(outcome: Outcome) -> bool:
    if outcome.result == "error":
        return "ConstraintViolation" in outcome.status
    if outcome.result != "rejected" or outcome.status == "NotSupported":
        return False
    return not outcome.detail or "ateUnit" in outcome.detail
