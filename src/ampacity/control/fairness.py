"""Whom a site gives what is scarce: its rule (`model.site.Fairness`) as a rank and a weight for each EVSE.

The rank is what `allocate` fills in turn, the highest first, above the minima of all who were admitted; equal
ranks share by max-min, each in proportion to its weight. So every rule is a way to rank and to weigh, and
what holds of ranks and weights (no row over its limit, a higher rank never below a lower one) holds of all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from ampacity.model.site import Evse, Fairness

from .reserve import Hold
from .settings import ControlSettings
from .types import EvseState

NEED_STEP = 1.25
"""Needs weigh in steps of a quarter: with each kWh that a car takes all others' shares would move."""
LEAST_NEED_WH, MOST_NEED_WH = 1_000.0, 100_000.0

Place: TypeAlias = tuple[float, ...]


class Standing(NamedTuple):
    """`rank`: 0 for the last, equal where nobody goes first. `weight` within it."""

    rank: int
    weight: float


def standings(
    fairness: Fairness,
    evses: Sequence[Evse],
    states: Sequence[EvseState],
    holds: Sequence[Hold],
    settings: ControlSettings,
) -> list[Standing] | None:
    """How the EVSEs stand to each other; None where their own classes and weights are the rule."""
    if fairness == "weights":
        return None
    places = [_place(fairness, evse, state, settings) for evse, state in zip(evses, states, strict=True)]
    weigh: Callable[[EvseState], float] = _one
    if fairness == "need":
        weigh = lambda state: need_weight(state.missing_wh, settings)  # noqa: E731
    # Only who shares takes part in the ranks: a rank of somebody's own costs a round of filling.
    sharing = {place for place, hold in zip(places, holds, strict=True) if hold.standing == "steered"}
    rank = {place: number for number, place in enumerate(sorted(sharing))}
    return [Standing(rank.get(place, 0), weigh(state)) for place, state in zip(places, states, strict=True)]


def need_weight(missing_wh: float | None, settings: ControlSettings) -> float:
    """A car's weight by the energy that it still needs: kWh, in steps, within bounds. An unknown need counts
    as a usual one (`unknown_need_wh`), not as none."""
    known = missing_wh is not None and math.isfinite(missing_wh)
    need = missing_wh if known and missing_wh is not None else settings.unknown_need_wh
    need = min(max(need, LEAST_NEED_WH), MOST_NEED_WH)
    steps: int = round(math.log(need / 1_000.0) / math.log(NEED_STEP))
    return float(NEED_STEP**steps)


def _one(state: EvseState) -> float:
    return 1.0


def _place(fairness: Fairness, evse: Evse, state: EvseState, settings: ControlSettings) -> Place:
    """Where an EVSE stands, the higher the earlier."""
    named = evse.priority if state.priority is None else state.priority
    match fairness:
        case "equal":
            return (1.0 if named > evse.priority else 0.0,)
        case "deadline":
            slack = state.slack_s
            if slack is None or math.isnan(slack):
                return named, -math.inf
            return named, -float(max(0.0, slack) // settings.slack_slot_s)
        case "first_come":
            at = state.session_at
            return named, -math.inf if at is None or math.isnan(at) else -at
        case _:
            return (float(named),)
