"""What the station asks of a version's wording: `wire_v16` and `wire_v2` provide it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from ..model.station import ConnectorStatus, IdToken
from ..ocpp.profiles import ChargingProfile
from .notes import Note, Transaction

Message: TypeAlias = tuple[str, Any]
"""Action and payload struct."""


class BootVerdict(Struct, frozen=True):
    """BootNotification's answer."""

    accepted: bool
    now: datetime
    interval_s: int


class NotSupported(Exception):
    """The station has no such feature: the engine answers NotSupported (1.6: NotImplemented for unknown
    actions).
    """


class Operations(Protocol):
    """What a command may do to the station, in no version's words. Results are plain: the wire words them."""

    def now(self) -> datetime:
        """The station's own clock."""
        ...

    def request_start(self, evse_id: int | None, token: IdToken, remote_start_id: int | None) -> str | None:
        """Returns the reason why not, or None where the start was taken on."""
        ...

    def request_stop(self, wire_id: str) -> bool: ...

    def reset(self, immediate: bool) -> bool: ...

    def trigger(self, message: str, evse_id: int | None) -> bool: ...

    def unlock(self, evse_id: int) -> bool: ...

    def change_availability(self, evse_id: int, operative: bool) -> str:
        """`Accepted`, `Scheduled` or `Rejected`."""
        ...

    def set_profile(self, evse_id: int, profile: ChargingProfile) -> bool: ...

    def clear_profile(self, profile_id: int | None) -> bool: ...

    def profiles(self, evse_id: int | None) -> Sequence[tuple[int, ChargingProfile]]: ...

    def composite(self, evse_id: int, duration_s: int) -> tuple[datetime, list[tuple[int, float]]]:
        """Start and `(start_s, amperes)` periods."""
        ...

    def transaction_of(self, evse_id: int) -> Transaction | None: ...

    def get_variable(self, name: str) -> tuple[str, bool] | None:
        """Value and read-only flag."""
        ...

    def variables(self) -> Sequence[tuple[str, str, bool]]: ...

    def set_variable(self, name: str, value: str) -> str:
        """`Accepted`, `Rejected`, `ReadOnly` or `Unknown`."""
        ...

    def evse_ids(self) -> Sequence[int]: ...

    def post(self, message: Message) -> None:
        """Send a message of the station's own after the answer."""
        ...


class Wire(Protocol):
    """A version's wording."""

    def boot(self, reason: str) -> Message: ...

    def read_boot(self, answer: Any) -> BootVerdict: ...

    def heartbeat(self) -> Message: ...

    def read_heartbeat(self, answer: Any) -> datetime: ...

    def status(self, evse_id: int, connector_id: int, status: ConnectorStatus, at: datetime) -> Message: ...

    def authorize(self, token: IdToken) -> Message: ...

    def read_authorize(self, answer: Any) -> bool: ...

    def note(self, note: Note) -> Message | None:
        """None where the version has no message for it."""
        ...

    def read_note(self, note: Note, answer: Any) -> bool:
        """Take what the answer tells (1.6's transaction id); False where the token was refused."""
        ...

    def answer(self, action: str, payload: Any, station: Operations) -> Any:
        """Carry out a command and word its answer. Raises NotSupported."""
        ...
