"""Whether a session has come to what it was asked to end at, or has to wait for its price.

Pure: the site feeds it each second (`site.goals`). A goal that was reached stays reached until people ask
otherwise; what is not known is never taken for little: a budget without a known cost, and a price limit
without a known price, hold the session at 0 and say so. A state of charge that the car does not tell
reaches nothing: the car itself stops at full.

Energy and cost are looked at as they will be when a stop has taken effect (`STOP_S` at the present power), so
that a budget is not overrun by the way there.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec import Struct

from ampacity.model.goals import GoalKind, Goals
from ampacity.model.live import Reason

STOP_S = 20.0
"""From the sample that decides to no current: a sample interval of 10 s and one reaction (settings)."""

Held: TypeAlias = Literal["goal", "price", "unknown"]


class Progress(Struct, frozen=True, kw_only=True):
    """How far a session is. `elapsed_s` since its start; `power_w` now (0 where nothing flows).

    `cost` is what it will have cost when a stop has taken effect, `price_per_kwh` what a kWh costs now;
    None is not known. `pays_for_time`: standing still costs money as well.
    """

    energy_wh: float
    elapsed_s: float
    power_w: float = 0.0
    soc_percent: float | None = None
    cost: Decimal | None = None
    price_per_kwh: Decimal | None = None
    pays_for_time: bool = False


class Verdict(Struct, frozen=True, kw_only=True):
    """`held`: the session is held at 0, and why (None: it may charge). `reached` is the goal that it came to;
    `stop`: its station shall be asked to end it. `text` says it in words."""

    held: Held | None = None
    reached: GoalKind | None = None
    stop: bool = False
    text: str = ""


FREE = Verdict()


def soon_wh(energy_wh: float, power_w: float) -> float:
    """The energy when a stop that is decided now has taken effect."""
    return energy_wh + max(0.0, power_w) * STOP_S / 3600.0


def judge(goals: Goals, progress: Progress, reached: GoalKind | None = None) -> Verdict:
    """What follows from `goals` now. `reached` is what was found before for the same goals."""
    found = reached or _reached(goals, progress)
    if found is not None:
        stop = goals.at_goal == "stop" or (found == "budget" and progress.pays_for_time)
        return Verdict(held="goal", reached=found, stop=stop, text=_text(found, goals))
    if goals.budget is not None and progress.cost is None:
        return Verdict(held="unknown", text="has a budget, and what it costs is not known")
    if goals.max_price_per_kwh is not None:
        price = progress.price_per_kwh
        if price is None:
            return Verdict(held="unknown", text="has a price limit, and the price is not known")
        if price > goals.max_price_per_kwh:
            return Verdict(
                held="price",
                text=f"a kWh costs {price:f} now, above the limit of {goals.max_price_per_kwh:f}",
            )
    return FREE


def reason_of(verdict: Verdict) -> Reason | None:
    """Why the law shall hold the session at 0; None: it may charge."""
    if verdict.held is None:
        return None
    return Reason(code="goal" if verdict.held == "goal" else "price", detail=verdict.text)


def _reached(goals: Goals, progress: Progress) -> GoalKind | None:
    soc = progress.soc_percent
    if goals.soc_percent is not None and soc is not None and soc >= goals.soc_percent:
        return "soc"
    if goals.energy_wh is not None and soon_wh(progress.energy_wh, progress.power_w) >= goals.energy_wh:
        return "energy"
    if goals.time_s is not None and progress.elapsed_s >= goals.time_s:
        return "time"
    if goals.budget is not None and progress.cost is not None and progress.cost >= goals.budget:
        return "budget"
    return None


def _text(reached: GoalKind, goals: Goals) -> str:
    match reached:
        case "soc":
            return f"has its {goals.soc_percent or 0:g} %"
        case "energy":
            return f"has its {(goals.energy_wh or 0) / 1000:g} kWh"
        case "time":
            return f"its {(goals.time_s or 0) / 60:g} min are over"
        case "budget":
            return f"its budget of {goals.budget or Decimal(0):f} is used"
