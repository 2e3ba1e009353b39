"""Whether what a meter told can be used, and what it means on the circuit's phases.

Every rule here makes a reading unusable with a named fault; nothing is repaired silently. Two things are
*derived* and not repaired: the direction of a current, which meters of many makes do not tell, comes from the
phase's power where that is told; and while a phase feeds in, no more than its active current counts as
feeding in, so that whole amperes and reactive current never make a base look smaller than it is.

Numbers are ours, chosen so that no healthy meter meets them: three times the rating (a breaker of any kind
has tripped by then), a quarter and 100 W between power and current (voltage off by 10 %, transducers of
class 3), a minute of clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from ...model.phases import PerPhase
from ...model.site import MeterConfig
from .told import MeterTrouble, Phases, Told

IMPLAUSIBLE: Final = 3.0
"""Times the circuit's rating."""

POWER_SLACK: Final = 1.25
POWER_SLACK_W: Final = 100.0
DIRECTION_W: Final = 10.0
"""Less power than this tells no direction: it counts as import, which is the worse."""

FUTURE: Final = timedelta(seconds=60)
FROZEN_READINGS: Final = 5
FROZEN_CARS_A: Final = 3.0
FROZEN_SETTLES_S: Final = 30.0
"""Cars' own samples are older than the meter's reading: so long both have to tell apart."""


class Reading(Struct, frozen=True, kw_only=True):
    """A reading that can be used: on the circuit's phases, import positive."""

    current_a: PerPhase
    at: datetime
    power_w: float | None = None
    voltage_v: Phases | None = None
    import_wh: float | None = None
    export_wh: float | None = None


class _Still(Struct):
    """How long the meter has told the same numbers."""

    numbers: tuple[float, ...]
    since: float
    count: int = 1
    cars_a: PerPhase | None = None
    differs_since: float | None = None


class Checks:
    """The checks of one meter, which remember its last reading.

    `cars_a()` is what the EVSEs below the circuit draw by their own meters, on its phases; None where that
    is not known.
    """

    def __init__(
        self,
        config: MeterConfig,
        rating_a: float,
        voltage_v: float,
        cars_a: Callable[[], PerPhase | None] = lambda: None,
    ) -> None:
        self._config, self._rating_a, self._voltage_v, self._cars_a = config, rating_a, voltage_v, cars_a
        self._last_at: datetime | None = None
        self._still: _Still | None = None

    def judge(self, told: Told, now: datetime) -> Reading:
        """The reading that `told` is, taken or received `now`. Raises MeterTrouble."""
        at = self._taken_at(told, now)
        sign = 1.0 if self._config.import_is_positive else -1.0
        current = [0.0, 0.0, 0.0]
        voltage: list[float | None] = [None, None, None]
        for index, phase in enumerate(self._config.phases):
            amperes = self._amperes(index, told, sign)
            self._check_range(index, amperes)
            current[phase], voltage[phase] = amperes, told.voltage_v[index]
        self._check_direction(told, sign)
        self._check_frozen(told, now.timestamp())
        self._last_at = at
        return Reading(
            current_a=(current[0], current[1], current[2]),
            at=at,
            power_w=total_w(told, len(self._config.phases), sign),
            voltage_v=(voltage[0], voltage[1], voltage[2]) if any(voltage) else None,
            import_wh=told.import_wh if sign > 0 else told.export_wh,
            export_wh=told.export_wh if sign > 0 else told.import_wh,
        )

    def _taken_at(self, told: Told, now: datetime) -> datetime:
        if told.at is None or not self._config.meter_time:
            return min(told.arrived or now, now)
        if told.at > now + FUTURE:
            ahead_s = (told.at - now).total_seconds()
            raise MeterTrouble(
                "future", f"its clock is {ahead_s:.0f} s ahead: set it, or let meter_time be false"
            )
        if self._last_at is not None and told.at == self._last_at:
            raise MeterTrouble("duplicate", f"it tells {told.at.isoformat()} again: nothing new since")
        if self._last_at is not None and told.at < self._last_at:
            raise MeterTrouble(
                "older", f"it tells {told.at.isoformat()} after {self._last_at.isoformat()}: older than known"
            )
        return min(told.at, now)

    def _amperes(self, index: int, told: Told, sign: float) -> float:
        """The current of the meter's phase `index`, import positive."""
        line = f"L{index + 1}"
        amperes = told.current_a[index]
        if amperes is None:
            raise MeterTrouble("missing", f"it tells no current of {line}")
        if not math.isfinite(amperes):
            raise MeterTrouble("not_a_number", f"its current of {line} is {amperes}")
        watts, volts = told.power_w[index], told.voltage_v[index] or self._voltage_v
        if watts is None or not math.isfinite(watts):
            return sign * amperes
        if abs(watts) > POWER_SLACK * volts * abs(amperes) + POWER_SLACK_W:
            raise MeterTrouble(
                "inconsistent",
                f"{line} tells {watts:.0f} W and {amperes:g} A: so much power takes at least "
                f"{abs(watts) / volts:.0f} A. Look at the scale or the ratio of the current transformers",
            )
        if sign * watts < -DIRECTION_W:
            return -min(abs(amperes), abs(watts) / max(volts, 1.0))
        return abs(amperes)

    def _check_range(self, index: int, amperes: float) -> None:
        most_a = IMPLAUSIBLE * self._rating_a
        if abs(amperes) > most_a:
            raise MeterTrouble(
                "implausible",
                f"L{index + 1} tells {amperes:g} A, more than {IMPLAUSIBLE:g} times the rating of "
                f"{self._rating_a:g} A: look at unit and scale",
            )

    def _check_direction(self, told: Told, sign: float) -> None:
        """All together take more than the amperes could carry; or they feed in and no phase says so: then the
        currents have no sign, and export looks like load.
        """
        if any(watts is not None for watts in told.power_w[: len(self._config.phases)]):
            return
        used = [amperes or 0.0 for amperes in told.current_a[: len(self._config.phases)]]
        watts = total_w(told, len(used), sign)
        if watts is None:
            return
        apparent_va = self._voltage_v * sum(map(abs, used))
        if abs(watts) > POWER_SLACK * apparent_va + 3.0 * POWER_SLACK_W:
            raise MeterTrouble(
                "inconsistent",
                f"it tells {watts:.0f} W and {sum(map(abs, used)):.1f} A of all phases: look at the scale",
            )
        if min(used) < 0.0:
            return
        if watts < -(POWER_SLACK_W + 0.1 * apparent_va):
            raise MeterTrouble(
                "unsigned",
                f"it feeds in {-watts:.0f} W and its currents have no sign: tell the power of each phase too",
            )

    def _check_frozen(self, told: Told, at: float) -> None:
        numbers = tuple(
            value for value in (*told.current_a, *told.power_w, *told.voltage_v) if value is not None
        )
        still = self._still
        if still is None or still.numbers != numbers:
            self._still = _Still(numbers, at)
            return
        still.count += 1
        cars = self._cars_a()
        if cars is None or self._config.measures != "everything" or at - still.since < FROZEN_SETTLES_S:
            return
        if still.cars_a is None:
            still.cars_a = cars
        moved_a = max(abs(now - then) for now, then in zip(cars, still.cars_a, strict=True))
        if moved_a <= FROZEN_CARS_A:
            still.differs_since = None
        elif still.differs_since is None:
            still.differs_since = at
        elif at - still.differs_since >= FROZEN_SETTLES_S and still.count >= FROZEN_READINGS:
            raise MeterTrouble(
                "frozen",
                f"it has told the same {still.count} times while cars changed by {moved_a:.1f} A: "
                "the meter or its gateway hangs",
            )


def total_w(told: Told, phases: int, sign: float) -> float | None:
    """Power of all phases together, import positive; None where it is not told. The phases' own count before
    the meter's sum, which may be of another moment, or of another register.
    """
    each = [watts for watts in told.power_w[:phases] if watts is not None and math.isfinite(watts)]
    if len(each) == phases:
        return sign * sum(each)
    if told.total_w is None or not math.isfinite(told.total_w):
        return None
    return sign * told.total_w
