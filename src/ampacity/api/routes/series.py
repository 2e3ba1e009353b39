"""Meter values as columns, for charts and spreadsheets."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal

from ...access.principal import Principal
from ...model.station import Quantity, quantity_of
from ...store import samples as rows
from ...store.samples import RollupPoint, SamplePoint, SeriesTooLong
from ..context import ApiContext
from ..errors import ApiError, invalid
from ..views_transactions import SeriesLine, SeriesView
from .names import aware

Resolution = Literal["raw", "15min"]

DEFAULT_SPAN = timedelta(days=1)
QUARTER = timedelta(minutes=15)


def too_long(error: SeriesTooLong) -> ApiError:
    """422 for more values than are given at once."""
    return invalid("from", f"There are more than {error.limit} values.", "Ask for less time or for 15min.")


def of_samples(points: list[SamplePoint]) -> tuple[SeriesLine, ...]:
    """Samples in the order of the store (measurand, phase, location, time) as lines."""
    lines = []
    for (measurand, phase, location), group in groupby(points, lambda p: (p.measurand, p.phase, p.location)):
        line = list(group)
        lines.append(
            SeriesLine(
                measurand=measurand,
                quantity=quantity_of(measurand),
                phase=phase,
                location=location,
                unit=line[0].unit,
                at=tuple(point.at.timestamp() for point in line),
                value=tuple(point.value for point in line),
            )
        )
    return tuple(lines)


def of_rollups(points: list[RollupPoint]) -> tuple[SeriesLine, ...]:
    """Quarters of an hour in the order of the store as lines: registers by their last value, intervals by
    their sum, others by their mean.
    """
    lines = []
    for (measurand, phase, location), group in groupby(points, lambda p: (p.measurand, p.phase, p.location)):
        line = list(group)
        quantity = quantity_of(measurand)
        lines.append(
            SeriesLine(
                measurand=measurand,
                quantity=quantity,
                phase=phase,
                location=location,
                unit=line[0].unit,
                at=tuple(point.start.timestamp() for point in line),
                value=tuple(_of_quarter(point, quantity) for point in line),
                low=tuple(point.lowest for point in line),
                high=tuple(point.highest for point in line),
            )
        )
    return tuple(lines)


def _of_quarter(point: RollupPoint, quantity: Quantity) -> float:
    if quantity == "register":
        return point.last
    return point.mean * point.count if quantity == "interval" else point.mean


async def read_series(
    api: ApiContext,
    who: Principal,
    station_id: str,
    evse_id: int,
    *,
    measurand: str | None,
    start: datetime | None,
    end: datetime | None,
    resolution: Resolution,
) -> SeriesView:
    """An EVSE's values from `start` to `end`; of the last day where neither is given."""
    last = aware("to", end) or api.clock.now()
    first = aware("from", start) or last - DEFAULT_SPAN
    if first >= last:
        raise invalid("from", f"{first.isoformat()} is not before {last.isoformat()}.")
    await api.csms.written()
    try:
        if resolution == "raw":
            points = await api.store.read(
                lambda connection: rows.list_samples(
                    connection, who.operator_id, station_id, evse_id, first, last, measurand=measurand
                )
            )
            return SeriesView(resolution="raw", lines=of_samples(points))
        quarters = await api.store.read(
            lambda connection: rows.list_rollups(
                connection, who.operator_id, station_id, evse_id, first, last, measurand=measurand
            )
        )
        return SeriesView(resolution="15min", lines=of_rollups(quarters))
    except SeriesTooLong as error:
        raise too_long(error) from error
