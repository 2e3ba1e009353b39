"""Who got what at a site, and what drivers thought of it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from litestar import Request, Router, get, put
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import structs
from sqlalchemy import Connection

from ...store import audit, sharing, transactions
from ...store.identifiers import sortable_id
from ...store.sharing import FeedbackClosed, FeedbackRow, ShareRow
from ...store.transactions import TransactionFilter
from ..context import ApiContext
from ..errors import conflict, invalid, not_found
from ..guard import peer_of, rate_limited
from ..views_fairness import FairnessView, FeedbackChange, FeedbackView, ShareView
from .names import Api, Who, aware, site_of
from .public import DriverCodes

LONGEST = timedelta(days=93)
STILL_THERE = timedelta(hours=1)
"""A driver who comes back to the car may still say what he thought of the session that has ended."""


def fairness_view(
    rows: list[ShareRow], scores: dict[str, int], fairness: Any, first_day: str, last_day: str
) -> FairnessView:
    """Rows of sessions and days, and what they come to."""
    energy_wh: dict[str, float] = defaultdict(float)
    wanting_s: dict[str, float] = defaultdict(float)
    for row in rows:
        energy_wh[row.transaction_id] += row.energy_wh
        wanting_s[row.transaction_id] += row.wanting_s
    powers = [energy_wh[name] / wanted for name, wanted in wanting_s.items() if wanted > 0]
    square = sum(power * power for power in powers)
    wanted_s = sum(wanting_s.values())
    told = [scores[name] for name in energy_wh if name in scores]
    return FairnessView(
        fairness=fairness,
        first_day=first_day,
        last_day=last_day,
        sessions=len(energy_wh),
        energy_wh=round(sum(energy_wh.values()), 3),
        satisfied_share=sum(row.satisfied_s for row in rows) / wanted_s if wanted_s > 0 else None,
        waited_share=sum(row.waited_s for row in rows) / wanted_s if wanted_s > 0 else None,
        evenness=sum(powers) ** 2 / (len(powers) * square) if len(powers) > 1 and square > 0 else None,
        scores=len(told),
        mean_score=sum(told) / len(told) if told else None,
        items=tuple(
            ShareView(
                **{
                    name: value
                    for name, value in structs.asdict(row).items()
                    if name not in ("operator_id", "site_id")
                },
                score=scores.get(row.transaction_id),
            )
            for row in rows
        ),
    )


@get("/{site_id:str}/fairness", summary="Who got what at a site")
async def get_fairness(
    api: Api,
    who: Who,
    site_id: FromPath[str],
    start: Annotated[
        datetime | None, QueryParameter(name="from", description="A week ago when absent.")
    ] = None,
    end: Annotated[datetime | None, QueryParameter(name="to", description="Now when absent.")] = None,
) -> FairnessView:
    """Per session and day: energy, time at what the car could use, waited, boosted; beside it what drivers
    thought. Days are those of the site's time zone; about a minute late."""
    site = site_of(api, who, site_id).site
    last = aware("to", end) or api.clock.now()
    first = aware("from", start) or last - timedelta(days=7)
    if first > last:
        raise invalid("from", f"{first.isoformat()} is after {last.isoformat()}.")
    if last - first > LONGEST:
        raise invalid("from", f"{last - first} is too long a span.", f"Ask for at most {LONGEST.days} days.")
    zone = ZoneInfo(site.time_zone)
    first_day, last_day = (at.astimezone(zone).date().isoformat() for at in (first, last))

    def unit(connection: Connection) -> tuple[list[ShareRow], dict[str, FeedbackRow]]:
        rows = sharing.shares(connection, who.operator_id, site_id, first_day, last_day)
        said = sharing.feedback(connection, who.operator_id, {row.transaction_id for row in rows})
        return rows, said

    rows, said = await api.store.read(unit)
    scores = {name: row.score for name, row in said.items()}
    return fairness_view(rows, scores, site.sharing.fairness, first_day, last_day)


@put("/{transaction_id:str}/feedback", opt={"permission": "operate"}, summary="Keep a driver's feedback")
async def put_feedback(
    api: Api, who: Who, transaction_id: FromPath[str], data: JSONBody[FeedbackChange]
) -> FeedbackView:
    """For an app that knows whose session it is."""
    await api.csms.written()
    row = await api.store.read(
        lambda connection: transactions.get_transaction(connection, who.operator_id, transaction_id)
    )
    if row is None:
        raise not_found("transaction", transaction_id, "/api/v1/transactions lists them.")
    return await _keep(api, transaction_id, data.score, who.actor)


@put("/evses/{code:str}/feedback", opt={"public": True}, summary="Say what you think of this charge")
async def put_public_feedback(
    request: Request[Any, Any, Any], api: Api, code: FromPath[str], data: JSONBody[FeedbackChange]
) -> FeedbackView:
    """One tap of whoever stands before the EVSE: for the session there, or the last one if it ended within
    the hour. No sign-in; rate limited; tells nothing of who charged."""
    rate_limited(request.app.state.public_limit, peer_of(request), "requests")
    codes: DriverCodes = request.app.state.driver_codes
    found = codes.find(code.lower()) if len(code) <= 32 else None
    if found is None:
        raise not_found("charge point with the code", code[:32], "Scan the code on the charger again.")
    view = found[1]
    if view.session is not None:
        return await _keep(api, view.session.transaction_id, data.score, "driver")
    await api.csms.written()
    wanted = TransactionFilter(station_id=view.station_id, evse_id=view.evse_id)
    rows = await api.store.read(
        lambda connection: transactions.list_transactions(connection, api.operator_id, wanted, limit=1)
    )
    if not rows or rows[0].ended_at is None or api.clock.now() - rows[0].ended_at > STILL_THERE:
        raise conflict("Nobody charges here, or has lately.")
    return await _keep(api, rows[0].transaction_id, data.score, "driver")


async def _keep(api: ApiContext, transaction_id: str, score: int, actor: str) -> FeedbackView:
    now = api.clock.now()

    def unit(connection: Connection) -> FeedbackRow:
        row = sharing.give_feedback(connection, api.operator_id, transaction_id, score, now)
        audit_id, target = sortable_id(now), f"transaction/{transaction_id}"
        audit.add(connection, api.operator_id, audit_id, now, actor, "feedback", target, {"score": score})
        audit.finish(connection, api.operator_id, audit_id, now, "done")
        return row

    try:
        row = await api.store.write(unit)
    except FeedbackClosed as closed:
        raise conflict(str(closed)) from closed
    return FeedbackView(score=row.score, given_at=row.given_at, changed_at=row.changed_at)


site_router = Router("/sites", tags=["sites"], route_handlers=[get_fairness])
transaction_router = Router("/transactions", tags=["transactions"], route_handlers=[put_feedback])
public_router = Router("/public", tags=["public"], route_handlers=[put_public_feedback])
