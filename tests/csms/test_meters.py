"""What the last values of a meter say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ampacity.csms.meters import EvseMeter, newest_power_w, power_w
from ampacity.model.station import MeterReading, Sample

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def current(amperes: float, phase: int = 0) -> Sample:
    return Sample("Current.Import", amperes, "A", phase)


def power(watts: float, phase: int = 0) -> Sample:
    return Sample("Power.Active.Import", watts, "W", phase)


def voltage(volts: float, phase: int = 0) -> Sample:
    return Sample("Voltage", volts, "V", phase)


@pytest.mark.parametrize(
    ("samples", "watts"),
    [
        ((power(7_000),), 7_000),
        ((power(7_000), power(1, 1)), 7_000),  # the sum is the meter's own word
        ((power(1_000, 1), power(2_000, 2), power(3_000, 3)), 6_000),
        ((current(10, 1), current(10, 2), current(10, 3)), 6_900),
        ((current(10, 1), voltage(240, 1)), 2_400),
        ((current(10, 1), voltage(235)), 2_350),
        (
            (current(30), current(10, 1), current(10, 2), current(10, 3)),
            6_900,
        ),  # the sum of amperes is nothing
        ((current(10),), 2_300),
        ((voltage(230),), None),
        ((), None),
    ],
)
def test_power(samples: tuple[Sample, ...], watts: float | None) -> None:
    assert power_w(MeterReading.of(NOON, samples), 230.0) == watts


def test_the_newest_reading_that_tells_power() -> None:
    readings = [
        MeterReading.of(NOON + timedelta(minutes=1), (power(1),)),
        MeterReading.of(NOON + timedelta(minutes=3), (voltage(230),)),
        MeterReading.of(NOON + timedelta(minutes=2), (power(2),)),
    ]
    assert newest_power_w(readings, 230.0) == 2


def test_measurands_in_turns_and_late_readings() -> None:
    meter = EvseMeter()
    assert meter.current_a is None
    assert meter.take(MeterReading.of(NOON, (current(10, 1), current(9, 2))))
    assert meter.take(MeterReading.of(NOON + timedelta(seconds=1), (Sample("SoC", 55.0, "Percent"),)))
    assert not meter.take(MeterReading.of(NOON - timedelta(minutes=1), (current(1, 1),)))
    assert (meter.current_a, meter.soc_percent, meter.at) == ((10, 9, 0), 55.0, NOON + timedelta(seconds=1))
    meter.take(MeterReading.of(NOON + timedelta(seconds=2), (current(8, 1),)))
    assert meter.current_a == (8, 0, 0)
    meter.rest()
    assert (meter.current_a, meter.soc_percent) == ((0, 0, 0), 55.0)
