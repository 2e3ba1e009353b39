"""Words of tariff and cost."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct


class CostUpdated(Struct, frozen=True, kw_only=True, tag="cost_updated"):
    """Tell a station what a transaction has cost until now, in its currency; it shows it to the driver."""

    station_transaction_id: str
    total_cost: Decimal
