"""Who is let in when it boots, and what a station may say before it is. Pure.

    policy     answer to a boot
    accept     Accepted
    pending    Pending until the station has been provisioned for what it now is (`provisioned_for`),
               then Accepted
    reject     Rejected

A station that was answered Pending or Rejected may send nothing but its next BootNotification, and while
Pending what we asked it for (B02.FR.02, B02.FR.09, B03.FR.07; OCPP 1.6 section 4.2). Everything else is
answered by a SecurityError. A station that never booted here but under the policy `accept` is taken at its
word: many reconnect without a boot after an update of the system.
"""

from __future__ import annotations

from random import Random
from typing import Literal, TypeAlias

BootPolicy: TypeAlias = Literal["accept", "pending", "reject"]

Registration: TypeAlias = Literal["Accepted", "Pending", "Rejected"]
"""What a station was told last."""

TRIGGERED_FOR_S = 120.0
"""How long a message is expected after it was asked for."""

_ACTIONS = {
    "SignChargingStationCertificate": "SignCertificate",
    "SignChargePointCertificate": "SignCertificate",
    "SignV2GCertificate": "SignCertificate",
    "SignV2G20Certificate": "SignCertificate",
    "SignCombinedCertificate": "SignCertificate",
}


def verdict(policy: BootPolicy, *, provisioned: bool) -> Registration:
    """The answer to a boot."""
    if policy == "reject":
        return "Rejected"
    return "Pending" if policy == "pending" and not provisioned else "Accepted"


def retry_interval_s(mean_s: int, jitter: float, random: Random) -> int:
    """When a station that was not accepted shall come again: `mean_s`, up to `jitter` of it more or less, so
    that a depot that lost its power does not come back in one second for ever. At least 1.
    """
    return max(1, round(mean_s * random.uniform(1.0 - jitter, 1.0 + jitter)))


def awaited_action(message: str) -> str:
    """The action that a trigger for `message` brings."""
    return _ACTIONS.get(message, message)


class Awaited:
    """What a station that is not accepted yet was asked to send."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def ask(self, action: str, now: float) -> None:
        """`action` was asked for at `now` (epoch seconds)."""
        self._until[action] = now + TRIGGERED_FOR_S

    def __contains__(self, asked: tuple[str, float]) -> bool:
        action, now = asked
        return now <= self._until.get(action, float("-inf"))

    def clear(self) -> None:
        """Nothing is awaited any more."""
        self._until.clear()


def may_say(
    action: str, registration: Registration | None, policy: BootPolicy, awaited: Awaited, now: float
) -> bool:
    """Whether a station that was told `registration` (None: nothing yet) may send `action`."""
    if action == "BootNotification" or registration == "Accepted":
        return True
    if registration is None:
        return policy == "accept"
    return registration == "Pending" and (action, now) in awaited


def why_not_told(command: str, registration: Registration | None) -> str | None:
    """Why a command must not be sent to a station that is not accepted; None where it may.

    Rejected: nothing is sent (B03.FR.03). Pending: no transaction is started or stopped (B02.FR.05).
    """
    if registration == "Rejected":
        return "the station was rejected when it booted: set its boot policy to accept or pending first"
    if registration == "Pending" and command in ("request_start", "request_stop"):
        return "the station is pending: it must be accepted before transactions are started or stopped"
    return None
