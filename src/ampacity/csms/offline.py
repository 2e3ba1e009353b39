"""What a station says of itself that decides what its limits do when the line is lost."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from .dialects import dialect
from .state import StationState
from .vocabulary import VariableRef

PINGS = VariableRef(component="OCPPCommCtrlr", variable="WebSocketPingInterval")


OFFLINE_DURATION = (
    VariableRef(
        component="SmartChargingCtrlr", variable="SupportsFeature", variable_instance="MaxOfflineDuration"
    ),
    VariableRef(component="SmartChargingCtrlr", variable="SupportsMaxOfflineDuration"),
)
"""As the specification calls it (2.1 part 2, 2.11.19), and as the list in its appendix does."""


class LineHabits(Struct, frozen=True, kw_only=True):
    """`keeps_offline`: it knows maxOfflineDuration. `ping_s`: how often it pings us, and so learns that the
    line is lost; None: it does not, or does not say.
    """

    keeps_offline: bool = False
    ping_s: float | None = None


def questions(state: StationState) -> tuple[VariableRef, ...]:
    """What has to be read before `habits` can tell; nothing where the station's version has no such things,
    or all is known."""
    if state.version is None or not dialect(state.version).offline_durations:
        return ()
    return tuple(ref for ref in (*OFFLINE_DURATION, PINGS) if ref not in state.variables)


def habits(state: StationState) -> LineHabits:
    """As far as it is known."""
    if state.version is None or not dialect(state.version).offline_durations:
        return LineHabits()
    told: Mapping[VariableRef, str] = {
        ref: (known.value or "").lower()
        for ref in (*OFFLINE_DURATION, PINGS)
        if (known := state.variables.get(ref)) is not None
    }
    pings = told.get(PINGS, "")
    return LineHabits(
        keeps_offline=any(told.get(ref) == "true" for ref in OFFLINE_DURATION),
        ping_s=float(pings) if pings.isdigit() and int(pings) > 0 else None,
    )
