"""Time-of-use tariffs: a price per kWh by season, day of the week and hour, and a demand charge.

A file (JSON or TOML) has the form of the published tariffs that ACN-Sim ships (Southern California Edison's
TOU-EV-4 for one). `schedule` lists seasons, each with its first and last day (MM-DD, over the turn of the
year where the last is before the first), its days (`WEEKDAYS`, `WEEKENDS` or `ALL`), the hours at which a
price begins (`times`, the first is 0), those prices (`tariffs`, per kWh), and `demand_charge` per kW of the
month's highest 15 minutes. Hours are of the local clock. Holidays are not known here.
"""

from __future__ import annotations

from datetime import date, tzinfo
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
import numpy as np
from msgspec import Struct

from ..batch.world import B, F
from .local_time import LocalTime, local_time

Days: TypeAlias = Literal["WEEKDAYS", "WEEKENDS", "ALL"]


class TariffError(ValueError):
    """What is wrong in a tariff; the message says where and what would be right."""


class Season(Struct, frozen=True, kw_only=True):
    """Prices of some days of some months; see the head of the file."""

    id: str
    effective_start: str
    effective_end: str
    dow_mask: Days
    times: tuple[float, ...]
    tariffs: tuple[float, ...]
    demand_charge: float = 0.0


class Tariff(Struct, frozen=True, kw_only=True):
    """A tariff by its name, since when it holds, where it was published, and its seasons."""

    name: str
    schedule: tuple[Season, ...]
    effective: str = ""
    link: str = ""
    currency: str = "EUR"


def read_tariff(path: Path) -> Tariff:
    """The tariff of a JSON or TOML file, checked. Raises TariffError."""
    decode = msgspec.toml.decode if path.suffix.lower() == ".toml" else msgspec.json.decode
    try:
        tariff = decode(path.read_bytes(), type=Tariff)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as problem:
        raise TariffError(f"{path.name}: {problem}") from problem
    check(tariff)
    return tariff


def check(tariff: Tariff) -> None:
    """Every hour of every day has exactly one price, or TariffError."""
    where = f"tariff {tariff.name!r}"
    if not tariff.schedule:
        raise TariffError(f"{where}: schedule is empty; give at least one season")
    for season in tariff.schedule:
        of = f"{where}, season {season.id!r}"
        times = season.times
        rising = all(a < b for a, b in pairwise(times))
        if not times or times[0] != 0.0 or not rising or times[-1] >= 24.0:
            raise TariffError(f"{of}: times {list(times)} must rise from 0 and stay below 24")
        if len(times) != len(season.tariffs):
            raise TariffError(
                f"{of}: {len(season.tariffs)} tariffs for {len(times)} times; give one for each"
            )
        _month_day(of, season.effective_start)
        _month_day(of, season.effective_end)
    for month in range(1, 13):
        for weekday in (0, 6):
            for day in (1, 15, 28):
                found = [s.id for s in tariff.schedule if _holds(s, month * 100 + day, weekday)]
                if len(found) != 1:
                    kind = "weekday" if weekday == 0 else "weekend"
                    raise TariffError(
                        f"{where}: {month:02}-{day:02} ({kind}) is in the seasons {found}; it must be in one"
                    )


def buy_prices(tariff: Tariff, at_s: F, zone: tzinfo) -> F:
    """Price per kWh at each of these epoch seconds (the begins of the steps)."""
    clock = local_time(at_s, zone)
    prices = np.zeros(len(clock.hour))
    for season in tariff.schedule:
        here = _covered(season, clock)
        index = np.searchsorted(np.array(season.times), clock.hour[here], side="right") - 1
        prices[here] = np.array(season.tariffs)[index]
    return prices


def demand_price(tariff: Tariff, day: date) -> float:
    """The demand charge per kW of the month of this day: the highest of the seasons that hold then."""
    return max(
        (
            s.demand_charge
            for s in tariff.schedule
            for weekday in (0, 6)
            if _holds(s, day.month * 100 + day.day, weekday)
        ),
        default=0.0,
    )


def _month_day(of: str, text: str) -> int:
    month, _, day = text.partition("-")
    try:
        date(2024, int(month), int(day))
    except ValueError:
        raise TariffError(f"{of}: {text!r} must be a month and a day such as 06-01") from None
    return int(month) * 100 + int(day)


def _holds(season: Season, month_day: int, weekday: int) -> bool:
    first, last = _month_day(season.id, season.effective_start), _month_day(season.id, season.effective_end)
    inside = first <= month_day <= last if first <= last else month_day >= first or month_day <= last
    days = season.dow_mask == "ALL" or (season.dow_mask == "WEEKDAYS") == (weekday < 5)
    return inside and days


def _covered(season: Season, clock: LocalTime) -> B:
    first, last = _month_day(season.id, season.effective_start), _month_day(season.id, season.effective_end)
    month_day = clock.month * 100 + clock.day
    after, before = month_day >= first, month_day <= last
    inside: B = after & before if first <= last else after | before
    if season.dow_mask == "ALL":
        return inside
    return np.asarray(inside & ((clock.weekday < 5) == (season.dow_mask == "WEEKDAYS")))
