"""What each dialect must be able to do; `DIALECTS` has one for each version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from ...model.station import IdToken
from ..link import CallFailed
from ..vocabulary import Answer, Command, FromStation, Outcome, VariableRef

WireCall: TypeAlias = tuple[str, Struct]
"""(action, request payload)."""

Reply: TypeAlias = Struct | CallFailed
"""What became of one CALL."""


class Unsupported(Exception):
    """The version has no such thing. The text says what."""


class ListLimits(Struct, frozen=True, kw_only=True):
    """The variables that tell what a station's local list can take: whether it is on, how many entries and
    bytes a message may have, how many entries it holds by its value or (`limited`) by its upper limit, which
    only a report tells. None: its version has no such variable.
    """

    enabled: VariableRef
    items: VariableRef
    entries: VariableRef | None
    limited: VariableRef | None
    bytes: VariableRef | None


class Dialect(Protocol):
    """Translates one version to and from the vocabulary. Holds no state."""

    version: str
    wanted: tuple[VariableRef, ...]
    """What to read of a station after its boot; empty: all it has."""
    reports_profiles: bool
    """Whether a station can be asked which charging profiles it holds."""
    persists_profiles: bool
    """Whether stations keep every charging profile across a power cycle, so that each write wears them."""
    offline_durations: bool
    """Whether profiles can say how long they count while the station is offline, and can be Dynamic."""
    tells_transaction_status: bool
    """Whether a station can be asked how a transaction stands."""
    list_limits: ListLimits
    tells_cost: bool
    """Whether the answer to a transaction's message can tell its cost."""

    def has_component(self, component: str) -> bool:
        """Whether stations of this version can have a component of this name."""
        ...

    def understand(self, action: str, payload: Struct, raw: bytes = b"") -> FromStation:
        """What the station said. `raw` is the payload's text, which tells a message from another one."""
        ...

    def answer(self, action: str, payload: Struct, answer: Answer) -> Struct:
        """The response to `payload`, complete for every action that a station may send."""
        ...

    def calls(self, command: Command) -> tuple[WireCall, ...]:
        """The CALLs that carry out a command, in order.

        Raises Unsupported, or ValueError for what can't be said.
        """
        ...

    def can_list(self, token: IdToken, master: bool) -> bool:
        """Whether a token (a master pass?) can be on a station's local list."""
        ...

    def meaning(self, action: str, request: Struct) -> Command | None:
        """The command that a CALL of ours is, None for one that nothing here follows up."""
        ...

    def outcome(self, command: Command, replies: Sequence[Reply]) -> Outcome:
        """What the replies mean.

        With a single CALL the reply is never a CallFailed (the CSMS tells that itself).
        """
        ...


def told(
    status: str, good: tuple[str, ...] = ("Accepted",), detail: str = "", data: object = None
) -> Outcome:
    """The outcome of a status word."""
    return Outcome(
        result="accepted" if status in good else "rejected", status=status, detail=detail, data=data
    )


def detail_of(reply: Any) -> str:
    """What a message of 2.x says beside its status: a code, and words if it has them."""
    info = getattr(reply, "statusInfo", None)
    if info is None:
        return ""
    return f"{info.reasonCode}: {info.additionalInfo}" if info.additionalInfo else str(info.reasonCode)
