"""Smart charging in 1.6's words. It can't report profiles: GetCompositeSchedule is all that there is."""

from __future__ import annotations

from typing import Any

from ...ocpp.messages import v16 as wire
from ..vocabulary import ClearProfile, ClearProfiles, Command, GetProfiles, Outcome
from .dialect import Unsupported, WireCall, told
from .words import Words

PURPOSES: dict[str, Any] = {
    "ChargingStationMaxProfile": "ChargePointMaxProfile",
    "TxDefaultProfile": "TxDefaultProfile",
    "TxProfile": "TxProfile",
}


def _get_profiles(dialect: Any, command: GetProfiles) -> WireCall:
    raise Unsupported("OCPP 1.6 can't report charging profiles: ask for the composite schedule")


def _clear_profiles(dialect: Any, command: ClearProfiles) -> WireCall:
    if command.purpose is not None and command.purpose not in PURPOSES:
        raise Unsupported(f"OCPP 1.6 has no {command.purpose}")
    return "ClearChargingProfile", wire.ClearChargingProfileRequest(
        connectorId=command.evse_id,
        chargingProfilePurpose=None if command.purpose is None else PURPOSES[command.purpose],
        stackLevel=command.stack_level,
    )


def _means_clear(request: Any) -> Command:
    if request.id is not None:
        return ClearProfile(profile_id=request.id)
    purpose = request.chargingProfilePurpose
    ours: Any = "ChargingStationMaxProfile" if purpose == "ChargePointMaxProfile" else purpose
    return ClearProfiles(evse_id=request.connectorId, purpose=ours, stack_level=request.stackLevel)


def _cleared(command: ClearProfiles, reply: Any) -> Outcome:
    return told(reply.status, ("Accepted", "Unknown"))


CHARGING = Words(
    calls={GetProfiles: _get_profiles, ClearProfiles: _clear_profiles},
    outcomes={ClearProfiles: _cleared},
    meanings={"ClearChargingProfile": _means_clear},
)
