"""What a token is worth, here and now: one table, for all versions. Pure: a row and a question give a
verdict.

The first line that holds decides:

    nobody had to identify themselves (NoAuthorization, C02)     Accepted
    nobody entered it, but somebody here started with it         Accepted, for that start
    nobody entered it                                            as the node is set; a key code: Invalid (C04)
    another kind of token has this value                         as if nobody had entered it
    its row says Blocked, Expired, Invalid                       that
    it has expired                                               Expired
    it is a master pass and would start (C16.FR.03)              Invalid
    it is good elsewhere only (C01.FR.22)                        NotAtThisLocation
    it is good for another current only (C01.FR.18)              NotAllowedTypeEVSE
    it charges already                                           ConcurrentTx

- Who stops is not asked for a place, and not whether the token charges elsewhere: what hangs on a wrong
  answer there is a car that can't leave.
- An Authorize does not say what for. It is judged as a start, but for master passes (they may stop) and for
  a token that charges at the same station (it may be shown to stop).
- 1.6 tells no kind: whatever it presents counts as a card, and a card's number is any row's with this value.
  In 2.x only cards of both radio standards stand for each other: a key code that is typed must not pass for
  the card whose printed number it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from ..model.station import IdToken
from ..store.tokens import Current, Place, TokenRow
from .vocabulary import AuthorizationAnswer

ANONYMOUS = "NoAuthorization"
"""Kind of a token of a start that nobody had to authorise."""

_CARDS = frozenset({"ISO14443", "ISO15693"})

Purpose = Literal["start", "stop", "unknown"]


class Question(Struct, frozen=True, kw_only=True):
    """Who wants to charge, or to stop, and where. `evse_id` None: at whichever of the station. `elsewhere`:
    the token has another open transaction. `granted`: somebody here started with this token lately, so that
    it needs no row. `currents`: what each EVSE of the station gives, as far as it is known.
    """

    token: IdToken
    station_id: str
    site_id: str | None
    now: datetime
    evse_id: int | None = None
    purpose: Purpose = "unknown"
    elsewhere: bool = False
    granted: bool = False
    currents: Mapping[int, Current] | None = None


class Rules(Struct, frozen=True, kw_only=True):
    """What the node is set to: see CsmsSettings."""

    accept_unknown: bool = False
    concurrent: bool = False
    master_group: str | None = None
    cache_s: float | None = None


def judge(row: TokenRow | None, asked: Question, rules: Rules) -> AuthorizationAnswer:
    """The verdict on a token with this row (None: nobody entered it)."""
    if asked.token.kind == ANONYMOUS:
        return AuthorizationAnswer(status="Accepted")
    if row is not None and not is_meant(row.token, asked.token) and not asked.granted:
        row = None
    if row is None:
        return _stranger(asked, rules)
    evse_ids = allowed_evses(row.allowed, asked.station_id, asked.site_id, asked.currents)
    return AuthorizationAnswer(
        status=_status(row, asked, rules, evse_ids),
        group=row.group,
        expires_at=_until(row.expires_at, asked.now, rules),
        message=row.message,
        language=row.language,
        priority=row.priority,
        evse_ids=evse_ids or (),
    )


def is_meant(entered: IdToken, presented: IdToken) -> bool:
    """Whether a presented token of the same value is the one that was entered."""
    if presented.kind == entered.kind:
        return True
    return presented.kind in _CARDS and entered.kind in (*_CARDS, "Central", "Local")


def allowed_evses(
    allowed: tuple[Place, ...],
    station_id: str,
    site_id: str | None,
    currents: Mapping[int, Current] | None = None,
) -> tuple[int, ...] | None:
    """The EVSEs of a station where a token is good: none named means all of them, None means nowhere.

    `currents` is what each EVSE gives; None: it does not matter here.
    """
    if not allowed:
        return ()
    named: list[int] = []
    for place in allowed:
        if place.station_id is None and place.site_id is None and place.current is None:
            continue  # it names nothing
        if place.site_id is not None and place.station_id is None and place.site_id != site_id:
            continue
        if place.station_id is not None and place.station_id != station_id:
            continue
        evse_ids = place.evse_ids
        if place.current is not None and currents is not None:
            giving = [evse_id for evse_id, current in currents.items() if current == place.current]
            # An EVSE that nobody says anything of is not one of them.
            evse_ids = tuple(evse_id for evse_id in giving if not evse_ids or evse_id in evse_ids)
            if not evse_ids:
                continue
            if len(giving) == len(currents) and not place.evse_ids:
                return ()
        if not evse_ids:
            return ()
        named.extend(evse_ids)
    return tuple(sorted(set(named))) or None


def _stranger(asked: Question, rules: Rules) -> AuthorizationAnswer:
    if asked.granted:
        return AuthorizationAnswer(status="Accepted")
    if asked.token.kind == "KeyCode":
        return AuthorizationAnswer(status="Invalid")
    if not rules.accept_unknown:
        return AuthorizationAnswer(status="Unknown")
    if asked.purpose != "stop" and asked.elsewhere and not rules.concurrent:
        return AuthorizationAnswer(status="ConcurrentTx")
    return AuthorizationAnswer(status="Accepted", expires_at=_until(None, asked.now, rules))


def _status(
    row: TokenRow, asked: Question, rules: Rules, evse_ids: tuple[int, ...] | None
) -> Literal[
    "Accepted", "Blocked", "Expired", "Invalid", "NotAllowedTypeEVSE", "NotAtThisLocation", "ConcurrentTx"
]:
    if row.status != "Accepted":
        return row.status
    if row.expires_at is not None and row.expires_at <= asked.now:
        return "Expired"
    if asked.purpose == "stop":
        return "Accepted"
    if rules.master_group is not None and row.group == rules.master_group:
        return "Accepted" if asked.purpose == "unknown" else "Invalid"
    if evse_ids is None or (evse_ids and asked.evse_id and asked.evse_id not in evse_ids):
        anyway = allowed_evses(row.allowed, asked.station_id, asked.site_id)
        here = anyway is not None and (not anyway or not asked.evse_id or asked.evse_id in anyway)
        return "NotAllowedTypeEVSE" if here else "NotAtThisLocation"
    concurrent = rules.concurrent if row.concurrent is None else row.concurrent
    return "ConcurrentTx" if asked.elsewhere and not concurrent else "Accepted"


def _until(expires_at: datetime | None, now: datetime, rules: Rules) -> datetime | None:
    """Until when a station may remember the verdict."""
    if rules.cache_s is None:
        return expires_at
    forgotten = now + timedelta(seconds=rules.cache_s)
    return forgotten if expires_at is None else min(expires_at, forgotten)
