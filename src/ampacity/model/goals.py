"""What a person may ask a session to end at, or to wait for."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec import Struct

GoalKind: TypeAlias = Literal["soc", "energy", "time", "budget"]
"""What a session can end at."""


class Goals(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is None is not asked for.

    The session ends at the first of: the car's state of charge, energy of the session, `time_s` since it
    began, what it costs with its own tariff (`budget`, in that tariff's currency). `at_goal`: it is stopped
    (its limit goes to 0 first), or held at 0 until somebody asks otherwise; a budget is kept by a stop where
    time costs money. While a kWh costs more than `max_price_per_kwh` now the session waits.
    """

    soc_percent: float | None = None
    energy_wh: float | None = None
    time_s: float | None = None
    budget: Decimal | None = None
    max_price_per_kwh: Decimal | None = None
    at_goal: Literal["stop", "pause"] = "stop"

    @property
    def any(self) -> bool:
        """Whether anything is asked for."""
        asked = (self.soc_percent, self.energy_wh, self.time_s, self.budget, self.max_price_per_kwh)
        return any(what is not None for what in asked)


NO_GOALS = Goals()
