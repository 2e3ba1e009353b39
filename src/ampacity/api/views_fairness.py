"""What the API tells of who got what at a site, and takes of what drivers thought of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from ..model.site import Fairness


class FeedbackChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a driver thinks of a session, 1 (bad) to 5 (good). Once a session; it can be changed for an
    hour."""

    score: Annotated[int, Meta(ge=1, le=5)]


class FeedbackView(Struct, frozen=True, kw_only=True):
    """As it is kept."""

    score: int
    given_at: datetime
    changed_at: datetime


class ShareView(Struct, frozen=True, kw_only=True):
    """What one session got on one day (of the site's time zone). Of the time that the car was connected it
    was `wanting_s`: it could draw, and no person, goal or price held it. Of that it was `satisfied_s` with
    nothing but the EVSE's and its own maximum above it, and `waited_s` with nothing. `score` is its driver's.
    """

    day: str
    transaction_id: str
    station_id: str
    evse_id: int
    energy_wh: float
    connected_s: float
    wanting_s: float
    satisfied_s: float
    waited_s: float
    boosted_s: float
    score: int | None


class FairnessView(Struct, frozen=True, kw_only=True):
    """Who got what from `first_day` to `last_day`, both among them.

    `satisfied_share` and `waited_share` are of all wanting time (null: nobody wanted anything). `evenness` is
    Jain's index of the sessions' mean power while they wanted: 1 where all were alike, 1 / n where one had
    all; null below two sessions. `mean_score` is of the `scores` that drivers gave.
    """

    fairness: Fairness
    first_day: str
    last_day: str
    sessions: int
    energy_wh: float
    satisfied_share: float | None
    waited_share: float | None
    evenness: float | None
    scores: int
    mean_score: float | None
    items: tuple[ShareView, ...]
