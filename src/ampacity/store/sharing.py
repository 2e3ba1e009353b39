"""Who got what at a site, per session and day; boosts against their quota; drivers' feedback."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from msgspec import Struct, structs
from sqlalchemy import Connection, func, insert, select

from .statements import insert_or_ignore, upsert
from .tables import session_boost, session_feedback, session_share
from .tokens import token_key

FEEDBACK_MAY_CHANGE = timedelta(hours=1)


class ShareRow(Struct, kw_only=True):
    """A session's share of one `day` (YYYY-MM-DD in the site's time zone). Energy in Wh, times in seconds:
    `connected_s` of the session, of which it was `wanting_s` (a car that could draw, held by no person and no
    goal), of these `satisfied_s` with nothing but its own maximum or its car above it, and `waited_s` with
    nothing at all; `boosted_s` before the others.
    """

    operator_id: str
    site_id: str
    day: str
    transaction_id: str
    station_id: str
    evse_id: int
    energy_wh: float = 0.0
    connected_s: float = 0.0
    wanting_s: float = 0.0
    satisfied_s: float = 0.0
    waited_s: float = 0.0
    boosted_s: float = 0.0


class FeedbackRow(Struct, frozen=True, kw_only=True):
    """What a driver thought of a session: `score` 1 (bad) to 5 (good)."""

    transaction_id: str
    score: int
    given_at: datetime
    changed_at: datetime


class BoostQuotaUsed(ValueError):
    """The token has had its boosts of the day."""

    def __init__(self, day: str, quota: int) -> None:
        self.day, self.quota = day, quota
        super().__init__(f"{quota} boosted sessions a day are allowed, and were had on {day}: try tomorrow")


class FeedbackClosed(ValueError):
    """Feedback was given more than an hour ago."""

    def __init__(self, given_at: datetime) -> None:
        self.given_at = given_at
        super().__init__(
            f"feedback was given at {given_at.isoformat(timespec='seconds')}: it can be changed for an hour"
        )


def save_shares(connection: Connection, rows: Sequence[ShareRow]) -> None:
    """Keep shares; those of the same session and day are replaced."""
    upsert(connection, session_share, [structs.asdict(row) for row in rows])


def shares(
    connection: Connection, operator_id: str, site_id: str, first_day: str, last_day: str
) -> list[ShareRow]:
    """A site's shares of those days, both among them, by day and session."""
    column = session_share.c
    found = connection.execute(
        select(session_share)
        .where(column.operator_id == operator_id, column.site_id == site_id)
        .where(column.day >= first_day, column.day <= last_day)
        .order_by(column.day, column.transaction_id)
    )
    return [ShareRow(**row._mapping) for row in found]


def shares_of(connection: Connection, operator_id: str, site_id: str, transaction_id: str) -> list[ShareRow]:
    """A session's shares, by day."""
    column = session_share.c
    found = connection.execute(
        select(session_share)
        .where(column.operator_id == operator_id, column.site_id == site_id)
        .where(column.transaction_id == transaction_id)
        .order_by(column.day)
    )
    return [ShareRow(**row._mapping) for row in found]


def claim_boost(
    connection: Connection,
    operator_id: str,
    site_id: str,
    day: str,
    transaction_id: str,
    token: str | None,
    quota: int | None,
    actor: str,
    at: datetime,
) -> None:
    """Count a session as boosted on `day`, once. Raises BoostQuotaUsed where its token has had `quota` others
    that day; sessions without a token count together."""
    key = None if token is None else token_key(token)
    column = session_boost.c
    if quota is not None:
        others = connection.execute(
            select(func.count()).where(
                column.operator_id == operator_id,
                column.site_id == site_id,
                column.day == day,
                column.token_key.is_(None) if key is None else column.token_key == key,
                column.transaction_id != transaction_id,
            )
        ).scalar_one()
        if others >= quota:
            raise BoostQuotaUsed(day, quota)
    row = {
        "operator_id": operator_id,
        "site_id": site_id,
        "day": day,
        "transaction_id": transaction_id,
        "token_key": key,
        "actor": actor,
        "at": at,
    }
    insert_or_ignore(connection, session_boost, row)


def give_feedback(
    connection: Connection, operator_id: str, transaction_id: str, score: int, at: datetime
) -> FeedbackRow:
    """Keep a driver's word, or change it within an hour; raises FeedbackClosed later."""
    known = feedback(connection, operator_id, [transaction_id]).get(transaction_id)
    if known is None:
        row = FeedbackRow(transaction_id=transaction_id, score=score, given_at=at, changed_at=at)
        connection.execute(insert(session_feedback), {"operator_id": operator_id, **structs.asdict(row)})
        return row
    if at - known.given_at > FEEDBACK_MAY_CHANGE:
        raise FeedbackClosed(known.given_at)
    row = structs.replace(known, score=score, changed_at=at)
    upsert(connection, session_feedback, {"operator_id": operator_id, **structs.asdict(row)})
    return row


def feedback(
    connection: Connection, operator_id: str, transaction_ids: Collection[str]
) -> dict[str, FeedbackRow]:
    """What drivers said of these sessions; those without a word are left out."""
    column = session_feedback.c
    rows = connection.execute(
        select(column.transaction_id, column.score, column.given_at, column.changed_at).where(
            column.operator_id == operator_id, column.transaction_id.in_(tuple(transaction_ids))
        )
    )
    return {row.transaction_id: FeedbackRow(**row._mapping) for row in rows}
