"""What the API gives of transactions and of meter values."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from ..model.station import ChargingState, Quantity
from .views_prices import CostView


class TransactionView(Struct, frozen=True, kw_only=True):
    """A transaction. `energy_wh` is the register's advance since the start. `clock_correction_s` is what had
    to be added to the times that the station told, None where its clock was right. `missing` are the numbers
    of its messages that never came (`42,44-45`), `incomplete` says that they will not come any more. `cost`
    is null where it is not known: no price, or energy that nobody metered.
    """

    transaction_id: str
    station_transaction_id: str
    station_id: str
    evse_id: int
    connector_id: int | None
    token: str | None
    state: Literal["open", "ended"]
    charging_state: ChargingState | None
    started_at: datetime
    ended_at: datetime | None
    energy_wh: float
    register_start_wh: float | None
    register_last_wh: float | None
    cost: CostView | None
    stop_reason: str | None
    offline: bool
    clock_correction_s: float | None
    missing: str | None
    incomplete: bool
    need_wh: float | None
    departure: datetime | None
    boosted: bool
    paused: bool


class TransactionPage(Struct, frozen=True, kw_only=True):
    """Newest first; `next` is the `before` of the following page."""

    items: tuple[TransactionView, ...]
    next: str | None


class SeriesLine(Struct, frozen=True, kw_only=True):
    """Values of one measurand on one phase (0: the sum, 1..3: L1..L3, 4: N, 5..7: L1-L2, L2-L3, L3-L1),
    columns equally long; `at` in epoch seconds, rising.

    At 15 minutes `at` is where the quarter begins, `value` its mean (of a register the last, of intervals the
    sum), `low` and `high` its extremes.
    """

    measurand: str
    quantity: Quantity
    phase: int
    location: str
    unit: str
    at: tuple[float, ...]
    value: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None


class SeriesView(Struct, frozen=True, kw_only=True):
    """Meter values of a transaction or an EVSE. `clock_correction_s`: of a transaction's, see there."""

    resolution: Literal["raw", "15min"]
    lines: tuple[SeriesLine, ...]
    clock_correction_s: float | None = None
