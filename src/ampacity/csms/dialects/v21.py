"""OCPP 2.1: what differs from 2.0.1."""

from __future__ import annotations

from typing import Any, get_args

from ...ocpp.messages import v21 as wire
from ..vocabulary import Profile
from .v2 import Dialect2


class Dialect21(Dialect2):
    """OCPP 2.1; see `Dialect`.

    A trigger of the station's own kind needs a name that the vocabulary does not have.
    """

    version = "2.1"
    persists_profiles = False  # those of transactions only where it says so: ChargingProfilePersistence
    offline_durations = True
    token_chars = 255
    wire = wire
    triggers = frozenset(get_args(wire.MessageTriggerEnumType)) - {"CustomTrigger"}

    def offline_words(self, profile: Profile) -> dict[str, Any]:
        return {
            "maxOfflineDuration": profile.max_offline_s,
            "invalidAfterOfflineDuration": profile.invalid_after_offline or None,
        }
