"""How many charging profiles an hour a station should be sent at most."""

from __future__ import annotations

from ..model.station import StationInfo
from ..ocpp.wear import PERSISTED_PER_H, known_wear
from .dialects import dialect


def write_budget(info: StationInfo, version: str) -> int | None:
    """Profiles an hour, renewals apart; None where nothing is worn, or the station says itself when it is too
    much (2.1: RateLimitExceeded).
    """
    row = known_wear(info.vendor, info.model, info.firmware)
    if row is not None:
        return row.per_hour
    return PERSISTED_PER_H if dialect(version).persists_profiles else None
