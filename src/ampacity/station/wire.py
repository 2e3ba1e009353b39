"""What the station asks of a version's wording (`wire_v16` and `wire_v2` provide it), and what a command may
do to the station, in no version's words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

from msgspec import Struct

from ..model.station import IdToken
from ..ocpp.errors import ErrorCode
from ..ocpp.profiles import ChargingProfile, Unit
from .bay import ConnectorShown
from .evse import Reading
from .notes import Note, Transaction
from .variables import Variables

Message: TypeAlias = tuple[str, Any]
"""Action and payload struct."""

Unlocking: TypeAlias = Literal["Unlocked", "UnlockFailed", "OngoingAuthorizedTransaction", "UnknownConnector"]
Triggering: TypeAlias = Literal["Accepted", "Rejected", "NotImplemented"]
Resetting: TypeAlias = Literal["Accepted", "Scheduled", "Rejected"]
ResetKind: TypeAlias = Literal["soft", "on idle", "immediate"]
"""1.6's Soft ends transactions in order and reboots; 2.x's OnIdle waits for them; Immediate (1.6: Hard) cuts.
"""
Changing: TypeAlias = Literal["Accepted", "Scheduled", "Rejected"]


class BootVerdict(Struct, frozen=True):
    """BootNotification's answer."""

    status: Literal["Accepted", "Pending", "Rejected"]
    now: datetime
    interval_s: int


class NotSupported(Exception):
    """The station has no such feature: the engine answers NotSupported (1.6: NotImplemented for unknown
    actions).
    """


class Refused(Exception):
    """A command is answered with a CALLERROR of this code."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code


class NoReply(Exception):
    """A command is never answered."""


class Operations(Protocol):
    """What a command may do to the station. Results are plain: the wire words them."""

    @property
    def variables(self) -> Variables: ...

    def now(self) -> datetime:
        """The station's own clock."""
        ...

    def request_start(
        self,
        evse_id: int | None,
        token: IdToken,
        remote_start_id: int | None,
        profile: ChargingProfile | None,
    ) -> bool: ...

    def request_stop(self, wire_id: str) -> bool: ...

    def reset(self, kind: ResetKind) -> Resetting: ...

    def trigger(self, message: str, evse_id: int | None) -> Triggering: ...

    def unlock(self, evse_id: int, connector_id: int, *, ends_transaction: bool) -> Unlocking: ...

    def change_availability(self, evse_id: int, operative: bool) -> Changing: ...

    def set_profile(self, evse_id: int, profile: ChargingProfile) -> bool: ...

    def clear_profiles(self, unwanted: Callable[[int, ChargingProfile], bool]) -> bool: ...

    def profiles(self, evse_id: int | None) -> Sequence[tuple[int, ChargingProfile]]: ...

    def composite(
        self, evse_id: int, duration_s: int, unit: Unit
    ) -> tuple[datetime, list[tuple[int, float]]] | None:
        """Start and `(start_s, limit)` periods; None for an EVSE that isn't there."""
        ...

    def transaction_status(self, wire_id: str | None) -> tuple[bool | None, bool]:
        """Whether it is ongoing (None: no transaction was named), and whether messages wait."""
        ...

    def written(self, name: str) -> None:
        """A variable has a new value (2.x's name)."""
        ...

    def post(self, message: Message) -> None:
        """Send a message of the station's own after the answer."""
        ...


class Wire(Protocol):
    """A version's wording."""

    def boot(self, reason: str) -> Message: ...

    def read_boot(self, answer: Any) -> BootVerdict: ...

    def heartbeat(self) -> Message: ...

    def read_heartbeat(self, answer: Any) -> datetime: ...

    def word(self, shown: ConnectorShown) -> str | None:
        """What the connector shows in this version's word; None where there is none (the station itself,
        EVSE 0, in 2.x).
        """
        ...

    def status(self, shown: ConnectorShown, at: datetime) -> Message:
        """Only for what has a word."""
        ...

    def authorize(self, token: IdToken) -> Message: ...

    def read_authorize(self, answer: Any) -> bool: ...

    def note(self, note: Note) -> Message | None:
        """None where the version has no message for it."""
        ...

    def read_note(self, note: Note, answer: Any) -> bool:
        """Take what the answer tells (1.6's transaction id); False where the token was refused."""
        ...

    def values(
        self, evse_id: int, reading: Reading, at: datetime, transaction: Transaction | None
    ) -> Message:
        """MeterValues that the CSMS has asked for."""
        ...

    def at_rest(self, message: str) -> Message | None:
        """The status message of a feature that is doing nothing; None where there is none of this name."""
        ...

    def answer(self, action: str, payload: Any, station: Operations) -> Any:
        """Carry out a command and word its answer. Raises NotSupported."""
        ...
