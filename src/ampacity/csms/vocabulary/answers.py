"""What stations are answered."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from msgspec import Struct

from .certificates import ContractStatus


class BootAnswer(Struct, frozen=True, kw_only=True):
    """`status` as in BootNotificationResponse."""

    status: Literal["Accepted", "Pending", "Rejected"]
    now: datetime
    interval_s: int


class HeartbeatAnswer(Struct, frozen=True):
    now: datetime


class AuthorizationAnswer(Struct, frozen=True, kw_only=True):
    """Verdict on a token, in 2.x's words; dialects narrow it to 1.6's five. `expires_at` is when a station
    shall forget it; `message` (in `language`, RFC 5646) is for the driver, `priority` is -9..9, `evse_ids`
    are those of the station where the token is good (none: all of them). 1.6 can't say these four.
    `certificate_status` is the verdict on the contract that a car showed with the token.
    """

    status: Literal[
        "Accepted", "Blocked", "ConcurrentTx", "Expired", "Invalid", "NoCredit", "NotAllowedTypeEVSE",
        "NotAtThisLocation", "NotAtThisTime", "Unknown",
    ]  # fmt: skip
    group: str | None = None
    expires_at: datetime | None = None
    message: str = ""
    language: str = ""
    priority: int | None = None
    evse_ids: tuple[int, ...] = ()
    certificate_status: ContractStatus | None = None


class TransactionAnswer(Struct, frozen=True, kw_only=True):
    """`station_transaction_id` is what a 1.6 start must be told;
    `authorization` where the message carried a token. `total_cost` is the running cost, of an end the final
    one; None is not known, 0 is free. `message` (in `language`) is new for the driver. 1.6 can't say these.
    """

    station_transaction_id: str
    authorization: AuthorizationAnswer | None = None
    total_cost: Decimal | None = None
    message: str = ""
    language: str = ""


class VendorAnswer(Struct, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]
    data: Any = None


class Acknowledged(Struct, frozen=True):
    """An empty answer."""
