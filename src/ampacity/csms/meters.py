"""What the last values of an EVSE's meter say: current per phase, power, state of charge.

Stations send measurands in turns (power each 10 s, SoC each minute), so the newest value of each is kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from ..model.phases import PerPhase
from ..model.station import LAST_PHASE, MeterReading, OfShape, Shape

POWER = "Power.Active.Import"
CURRENT = "Current.Import"
VOLTAGE = "Voltage"
SOC = "SoC"


Key: TypeAlias = tuple[str, int]
"""(measurand, phase)."""


class EvseMeter:
    """The newest values of one EVSE. Phases are the EVSE's own L1..L3."""

    def __init__(self) -> None:
        self.at: datetime | None = None
        self._newest: tuple[float, ...] = ()
        self._shape: Shape | None = None
        """The newest reading, as long as it is of the same shape as the one before."""
        self._older: dict[Key, float] = {}
        """Values of other shapes that were told before."""

    def take(self, reading: MeterReading) -> bool:
        """Keep a reading that is not older than what is known; returns whether it was kept."""
        if self.at is not None and reading.at < self.at:
            return False
        shape = reading.shape
        if shape is not self._shape:
            if not reading.values:
                return True
            self._change(shape)
        self._newest = reading.values
        self.at = reading.at
        return True

    def _change(self, shape: Shape) -> None:
        self._fold()
        self._shape = shape
        # A station that changes from phases to sums must not leave the other form behind.
        told = _PLACES[shape]
        for measurand in {measurand for measurand, _ in told} & {POWER, CURRENT}:
            for phase in range(4):
                if (measurand, phase) not in told:
                    self._older.pop((measurand, phase), None)

    def _fold(self) -> None:
        if self._shape is not None:
            for key, place in _PLACES[self._shape].items():
                self._older[key] = self._newest[place]
            self._shape = None

    def rest(self) -> None:
        """Nothing flows: the transaction has ended, and stations tell no values without one."""
        self._fold()
        for measurand, phase in self._older:
            if measurand in (POWER, CURRENT):
                self._older[measurand, phase] = 0.0

    def value(self, measurand: str, phase: int = 0) -> float | None:
        """The newest value of a measurand on a phase (0: the sum, or not per phase)."""
        if self._shape is not None:
            place = _PLACES[self._shape].get((measurand, phase))
            if place is not None:
                return self._newest[place]
        return self._older.get((measurand, phase))

    @property
    def current_a(self) -> PerPhase | None:
        """Current per phase, None where the station tells none."""
        known = [self.value(CURRENT, phase) for phase in (1, 2, 3)]
        if any(value is not None for value in known):
            return known[0] or 0.0, known[1] or 0.0, known[2] or 0.0
        return None

    @property
    def soc_percent(self) -> float | None:
        """State of charge of the car's battery."""
        return self.value(SOC)


def _places(shape: Shape) -> dict[Key, int]:
    """Where in a reading the value of a measurand on a phase is; the last one where there are several."""
    return {(item.measurand, item.phase): place for place, item in enumerate(shape.series)}


_PLACES = OfShape(_places)


class _PowerIn(Struct, frozen=True, gc=False):
    """Where in a reading power is: places to be added up, or pairs of current and voltage (None: nominal)."""

    powers: tuple[int, ...]
    currents: tuple[tuple[int, int | None], ...]


def _power_in(shape: Shape) -> _PowerIn:
    places = {key: place for key, place in _PLACES[shape].items() if key[1] <= LAST_PHASE}
    whole = places.get((POWER, 0))
    if whole is not None:
        return _PowerIn((whole,), ())
    powers = tuple(place for (measurand, _), place in places.items() if measurand == POWER)
    if powers:
        return _PowerIn(powers, ())
    currents = {phase: place for (measurand, phase), place in places.items() if measurand == CURRENT}
    if len(currents) > 1:
        currents.pop(0, None)
    any_voltage = places.get((VOLTAGE, 0))
    return _PowerIn(
        (), tuple((place, places.get((VOLTAGE, phase), any_voltage)) for phase, place in currents.items())
    )


_POWER = OfShape(_power_in)


def power_w(reading: MeterReading, nominal_voltage_v: float) -> float | None:
    """The power that one reading tells: as such, as a sum of phases, or from currents and voltages.

    A current without phases is taken for one phase's: less than the truth on three, never more.
    """
    known, values = _POWER[reading.shape], reading.values
    if len(known.powers) == 1:
        return values[known.powers[0]]
    if known.powers:
        return sum([values[place] for place in known.powers])
    if not known.currents:
        return None
    return sum(
        values[current] * (nominal_voltage_v if voltage is None else values[voltage])
        for current, voltage in known.currents
    )


def newest_power_w(readings: tuple[MeterReading, ...], nominal_voltage_v: float) -> float | None:
    """The power of the newest reading that tells one."""
    if len(readings) == 1:
        return power_w(readings[0], nominal_voltage_v)
    for reading in sorted(readings, key=lambda item: item.at, reverse=True):
        power = power_w(reading, nominal_voltage_v)
        if power is not None:
            return power
    return None
