"""Charging profiles: what they are (`nouns`), when one speaks (`speaking`), how several become one allowance
(`combining`), and what they allow now and over a time (`composite`).
"""

from .combining import Allowance, convert
from .composite import (
    CompositeLimit,
    EvseSituation,
    composite_limit,
    composite_schedule,
    station_schedule,
)
from .nouns import (
    MAX_PERIODS,
    TRANSACTION_PURPOSES,
    ChargingProfile,
    Kind,
    Period,
    Purpose,
    Recurrency,
    Schedule,
    Unit,
    after_offline,
    install,
)

__all__ = [
    "MAX_PERIODS",
    "TRANSACTION_PURPOSES",
    "Allowance",
    "ChargingProfile",
    "CompositeLimit",
    "EvseSituation",
    "Kind",
    "Period",
    "Purpose",
    "Recurrency",
    "Schedule",
    "Unit",
    "after_offline",
    "composite_limit",
    "composite_schedule",
    "convert",
    "install",
    "station_schedule",
]
