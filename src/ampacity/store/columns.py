"""Column types: the one place where Python values become column values and back.

Times are integer microseconds since 1970-01-01 UTC: exact, sortable, the same on each database. Energies are
integer milliwatt-hours, so that a sum of registers is exact; a float in Wh below 9e9 kWh comes back as it
went in, rounded to 1 mWh.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(at: datetime) -> int:
    """Microseconds since the epoch of an aware time; raises ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError(f"time {at.isoformat()} has no zone: pass an aware datetime (UTC)")
    return (at - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC time of microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=micros)


def to_milliwatthours(energy_wh: float) -> int:
    """Wh to whole mWh."""
    return round(energy_wh * 1000)


class Instant(TypeDecorator[datetime]):
    """An aware datetime as microseconds UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(value)


class WattHours(TypeDecorator[float]):
    """Energy in Wh as whole milliwatt-hours."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> int | None:
        return None if value is None else to_milliwatthours(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> float | None:
        return None if value is None else value / 1000


class Document(TypeDecorator[Any]):
    """Anything msgspec can encode, as JSON; comes back as plain dicts, lists and scalars."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)


RowId = BigInteger().with_variant(Integer(), "sqlite")
"""A counted primary key: SQLite counts only in a column declared INTEGER."""
