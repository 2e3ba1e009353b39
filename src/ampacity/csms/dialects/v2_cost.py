"""Tariff and cost in the words of 2.0.1 and 2.1. 1.6 has none. Amounts are Decimal until here: JSON's numbers
are the shortest that name the same binary fraction, so an amount of some coins comes out as it went in.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ..vocabulary import CostUpdated, Outcome
from .dialect import WireCall
from .words import Words


def _cost(dialect: Any, command: CostUpdated) -> WireCall:
    return "CostUpdated", dialect.wire.CostUpdatedRequest(
        totalCost=float(command.total_cost), transactionId=command.station_transaction_id
    )


COST = Words(
    calls={CostUpdated: _cost},
    outcomes={CostUpdated: lambda command, reply: Outcome(result="accepted")},
    meanings={
        "CostUpdated": lambda request: CostUpdated(
            station_transaction_id=request.transactionId, total_cost=Decimal(str(request.totalCost))
        )
    },
)
