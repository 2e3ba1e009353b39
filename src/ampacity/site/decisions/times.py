"""Times as people write them at a site: `07:41`, `2026-11-22 07:41:12`, with or without an offset."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


class UnclearTime(ValueError):
    """What was written is no time, or more than one. Says how to write it."""


def read_time(text: str, time_zone: str, latest: datetime) -> datetime:
    """The moment that `text` means at a site in `time_zone`; a time of day is the last one up to `latest`.

    `now` is `latest`. Raises UnclearTime.
    """
    zone, wanted = ZoneInfo(time_zone), text.strip()
    if wanted == "now":
        return latest
    try:
        of_day = time.fromisoformat(wanted)
    except ValueError:
        return _of_date(wanted, zone)
    if of_day.tzinfo is not None:
        raise UnclearTime(f"{text!r} has an offset and no date: write 2026-11-22T{wanted}")
    day = latest.astimezone(zone).date()
    for back in range(3):
        at = _local(datetime.combine(day - timedelta(days=back), of_day), zone)
        if at <= latest:
            return at
    raise UnclearTime(f"{text!r} has not been lately: write a date as well")


def _of_date(text: str, zone: ZoneInfo) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UnclearTime(
            f"{text!r} is no time: write 07:41:12, 2026-11-22 07:41:12, 2026-11-22T07:41:12+01:00 or now"
        ) from None
    return at.astimezone(UTC) if at.tzinfo is not None else _local(at, zone)


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    """A local time as UTC, where it was one."""
    first, second = (at.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    back = first.astimezone(UTC).astimezone(zone)
    if back.replace(tzinfo=None) != at:
        raise UnclearTime(f"{at.isoformat(sep=' ')} was left out when clocks went forward: name another")
    raise UnclearTime(
        f"{at.isoformat(sep=' ')} was twice when clocks went back: write {first.isoformat()} or "
        f"{second.isoformat()}"
    )
