"""Settings of the CSMS. All times are site seconds."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class CsmsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`operator_id` owns what has no other owner: stations that are admitted unknown, rejected handshakes.

    `admit_unknown` lets a station in that nobody registered, and registers it. `unknown_tokens` says what a
    token is worth that nobody entered. `concurrent_transactions` lets one token charge at two places at once.
    `onboard` reads variables after a boot and asks for statuses that don't come within `status_grace_s`.
    """

    operator_id: str = "default"
    operator_name: str = "Default operator"
    admit_unknown: bool = False
    unknown_tokens: Literal["accept", "reject"] = "reject"
    concurrent_transactions: bool = False
    heartbeat_interval_s: int = 300
    onboard: bool = True
    status_grace_s: float = 15.0
    nominal_voltage_v: float = 230.0
    log_messages: bool = True
