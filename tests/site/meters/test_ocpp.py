"""Stations as meters: the supply side of what they tell, by their own time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ampacity.bus import LocalBus
from ampacity.clock import WallClock
from ampacity.csms.dialects.samples import readings_16
from ampacity.model.events import CircuitMetered, MeterSampled
from ampacity.model.site import Circuit, MeterConfig
from ampacity.model.station import MeterReading, Sample
from ampacity.ocpp.messages import v16
from ampacity.site.meters import CircuitMeter
from ampacity.site.meters.ocpp import station_of, told_by
from ampacity.site.meters.source import Around

CIRCUIT = Circuit(
    circuit_id="main",
    name="Main",
    rating_a=100.0,
    meter=MeterConfig(protocol="ocpp", address="GRID/0", interval_s=5.0),
)


def sampled(
    *samples: Sample, evse_id: int = 0, station_id: str = "GRID", operator_id: str = "op", age_s: float = 0.0
) -> MeterSampled:
    now = datetime.now(UTC)
    return MeterSampled(
        operator_id=operator_id,
        station_id=station_id,
        evse_id=evse_id,
        transaction_id=None,
        reading=MeterReading.of(now - timedelta(seconds=age_s), samples),
        received_at=now,
    )


def amperes(*values: float, location: str = "Outlet", measurand: str = "Current.Import") -> list[Sample]:
    return [Sample(measurand, value, "A", n + 1, location=location) for n, value in enumerate(values)]


def test_the_main_meter_tells_with_whatever_location() -> None:
    told = told_by(sampled(*amperes(1.0, 2.0, 3.0), Sample("Power.Active.Import", 1380.0, "W")), 0)
    assert told is not None
    assert told.current_a == (1.0, 2.0, 3.0)
    assert told.total_w == 1380.0


def test_of_an_evse_only_the_inlet_counts() -> None:
    assert told_by(sampled(*amperes(1.0, 2.0, 3.0), evse_id=1), 1) is None
    both = sampled(*amperes(1.0, 2.0, 3.0), *amperes(7.0, 8.0, 9.0, location="Inlet"), evse_id=1)
    told = told_by(both, 1)
    assert told is not None
    assert told.current_a == (7.0, 8.0, 9.0)


def test_export_is_taken_off() -> None:
    event = sampled(
        *amperes(0.0, 2.0, 0.0),
        *amperes(5.0, 0.0, 0.0, measurand="Current.Export"),
        Sample("Power.Active.Import", 0.0, "W", 1),
        Sample("Power.Active.Export", 1150.0, "W", 1),
    )
    told = told_by(event, 0)
    assert told is not None
    assert told.current_a == (-5.0, 2.0, 0.0)
    assert told.power_w == (-1150.0, None, None)


def test_meter_values_of_1_6_on_connector_0() -> None:
    """As they come on the wire, through the dialect."""
    now = datetime.now(UTC)
    (reading,) = readings_16(
        [
            v16.MeterValue(
                timestamp=now,
                sampledValue=[
                    v16.SampledValue(value=str(value), measurand="Current.Import", phase=phase, unit="A")
                    for phase, value in (("L1", 4.5), ("L2", 5.5), ("L3", 6.5))
                ],
            )
        ]
    )
    event = MeterSampled(
        operator_id="op", station_id="GRID", evse_id=0, transaction_id=None, reading=reading, received_at=now
    )
    told = told_by(event, 0)
    assert told is not None
    assert told.current_a == (4.5, 5.5, 6.5)


async def test_its_readings_become_the_circuits_and_replays_do_not() -> None:
    bus, readings = LocalBus(), asyncio.Queue[CircuitMetered]()
    meter = CircuitMeter(
        "s",
        CIRCUIT,
        WallClock(),
        readings.put_nowait,
        around=Around(clock=WallClock(), bus=bus, operator_id="op"),
    )
    task = asyncio.create_task(meter.run())
    while not bus.hears(MeterSampled):  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    bus.publish(sampled(*amperes(9.0, 9.0, 9.0), station_id="OTHER"))
    bus.publish(sampled(*amperes(9.0, 9.0, 9.0), evse_id=1))
    bus.publish(sampled(*amperes(9.0, 9.0, 9.0), operator_id="other"))
    bus.publish(sampled(Sample("SoC", 50.0, "Percent")))
    bus.publish(sampled(*amperes(1.0, 2.0, 3.0)))
    bus.publish(sampled(*amperes(9.0, 9.0, 9.0), age_s=600.0))
    bus.publish(sampled(*amperes(4.0, 5.0, 6.0)))
    first = await asyncio.wait_for(readings.get(), 20)
    second = await asyncio.wait_for(readings.get(), 20)
    assert (first.current_a, second.current_a) == ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    task.cancel()
    await asyncio.wait({task})
    assert not bus.hears(MeterSampled)


@pytest.mark.parametrize("address", ["GRID", "/0", "GRID/x", "GRID/-1", ""])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(ValueError, match="write station/evse"):
        station_of(address)


def test_an_address_may_have_slashes() -> None:
    assert station_of("park/north/GRID/2") == ("park/north/GRID", 2)
