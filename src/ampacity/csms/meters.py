"""What the last values of an EVSE's meter say: current per phase, power, state of charge.

Stations send measurands in turns (power each 10 s, SoC each minute), so the newest value of each is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import datetime

from ..model.phases import PerPhase
from ..model.station import LAST_PHASE, MeterReading, Sample

POWER = "Power.Active.Import"
CURRENT = "Current.Import"
VOLTAGE = "Voltage"
SOC = "SoC"


class EvseMeter:
    """The newest values of one EVSE. Phases are the EVSE's own L1..L3."""

    def __init__(self) -> None:
        self.at: datetime | None = None
        self._values: dict[tuple[str, int], float] = {}
        self._told: Set[tuple[str, int]] = frozenset()

    def take(self, reading: MeterReading) -> bool:
        """Keep a reading that is not older than what is known; returns whether it was kept."""
        if self.at is not None and reading.at < self.at:
            return False
        if reading.samples:
            self.at = reading.at
            told = {(item.measurand, item.phase): item.value for item in reading.samples}
            if told.keys() != self._told:
                self._told = told.keys()
                # A station that changes from phases to sums must not leave the other form behind.
                for measurand in {measurand for measurand, _ in told} & {POWER, CURRENT}:
                    for phase in range(4):
                        if (measurand, phase) not in told:
                            self._values.pop((measurand, phase), None)
            self._values.update(told)
        return True

    def rest(self) -> None:
        """Nothing flows: the transaction has ended, and stations tell no values without one."""
        for measurand, phase in tuple(self._values):
            if measurand in (POWER, CURRENT):
                self._values[measurand, phase] = 0.0

    def value(self, measurand: str, phase: int = 0) -> float | None:
        """The newest value of a measurand on a phase (0: the sum, or not per phase)."""
        return self._values.get((measurand, phase))

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


def power_w(samples: Iterable[Sample], nominal_voltage_v: float) -> float | None:
    """The power that one reading tells: as such, as a sum of phases, or from currents and voltages.

    A current without phases is taken for one phase's: less than the truth on three, never more.
    """
    by_key = {(item.measurand, item.phase): item.value for item in samples if item.phase <= LAST_PHASE}
    whole = by_key.get((POWER, 0))
    if whole is not None:
        return whole
    phases = [value for (measurand, phase), value in by_key.items() if measurand == POWER and phase]
    if phases:
        return sum(phases)
    currents = {phase: value for (measurand, phase), value in by_key.items() if measurand == CURRENT}
    if not currents:
        return None
    if len(currents) > 1:
        currents.pop(0, None)
    voltage_v = by_key.get((VOLTAGE, 0), nominal_voltage_v)
    return sum(value * by_key.get((VOLTAGE, phase), voltage_v) for phase, value in currents.items())


def newest_power_w(readings: Iterable[MeterReading], nominal_voltage_v: float) -> float | None:
    """The power of the newest reading that tells one."""
    for reading in sorted(readings, key=lambda item: item.at, reverse=True):
        power = power_w(reading.samples, nominal_voltage_v)
        if power is not None:
            return power
    return None
