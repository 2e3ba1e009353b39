"""The station's parts without a network: the profiles it takes and what they leave, its clock, its words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.clock import ScaledClock
from ampacity.model.phases import PerPhase
from ampacity.ocpp.profiles import ChargingProfile, Period, Schedule
from ampacity.station import EvseConfig, EvseHardware, MeterFlaw
from ampacity.station.bay import Bay
from ampacity.station.charging import InstalledProfiles, flaw
from ampacity.station.evse import DC_EFFICIENCY, Draw, read
from ampacity.station.own_clock import OwnClock
from ampacity.station.variables import Variables

from .stack import START, config

AC = EvseConfig(evse_id=1)
DC = EvseConfig(evse_id=2, max_a=80.0, dc_power_w=50_000.0)
NOON = START.timestamp()


def profile(*limits: tuple[float, float], **options: Any) -> ChargingProfile:
    """A TxProfile from noon on; `limits` are (start_s, limit)."""
    unit = options.pop("unit", "A")
    start = options.pop("start", NOON)
    periods = tuple(Period(start_s, limit) for start_s, limit in limits or ((0.0, 10.0),))
    defaults: dict[str, Any] = {"id": 1, "stack_level": 0, "purpose": "TxProfile", "kind": "Absolute"}
    return ChargingProfile(
        schedules=(Schedule(unit=unit, periods=periods, start=start),), **(defaults | options)
    )


CAP: dict[str, Any] = {"purpose": "ChargingStationMaxProfile"}


@pytest.mark.parametrize(
    ("evse_id", "made", "word"),
    [
        (0, profile(), "belongs to an EVSE"),
        (1, profile(**CAP), "belongs to EVSE 0"),
        (0, profile(kind="Relative", start=None, **CAP), "never Relative"),
        (1, profile(purpose="ChargingStationExternalConstraints"), "can't be set"),
        (1, profile(stack_level=9), "stack level 9 is above 8"),
        (1, profile((5.0, 10.0)), "begin at 0"),
        (1, profile((0.0, 10.0), (60.0, 9.0), (60.0, 8.0)), "ascend"),
        (1, profile(*((float(number), 10.0) for number in range(25))), "25 periods"),
        (1, profile(kind="Recurring", start=None), "needs a start"),
    ],
)
def test_profiles_that_are_refused(evse_id: int, made: ChargingProfile, word: str) -> None:
    told = flaw(made, evse_id)
    assert told is not None
    assert word in told


def test_profiles_that_are_taken() -> None:
    assert flaw(profile(), 1) is None
    assert flaw(profile(**CAP), 0) is None
    assert flaw(profile(purpose="TxDefaultProfile", kind="Relative", start=None), 0) is None


def test_the_lowest_of_cap_and_transaction_counts_and_lasts_until_it_changes() -> None:
    held = InstalledProfiles((AC,))
    assert held.limit_a(1, NOON, None) == float("inf")
    assert held.install(0, profile((0.0, 20.0), id=1, **CAP))
    assert held.install(1, profile((0.0, 25.0), (60.0, 8.0), id=2))
    assert [held.limit_a(1, NOON + s, NOON) for s in (0.0, 59.9, 60.0, 1e6)] == [20.0, 20.0, 8.0, 8.0]
    assert held.limit_a(1, NOON + 1.0, NOON) == 20.0  # the clock was set back
    held.end_transaction(1)
    assert held.limit_a(1, NOON + 60.0, None) == 20.0
    assert [made.id for _, made in held.held()] == [1]


def test_watts_on_dc_are_the_cars() -> None:
    held = InstalledProfiles((DC,))
    assert held.install(2, profile((0.0, 20_000.0), unit="W"))
    assert held.limit_a(2, NOON, NOON) == pytest.approx(20_000.0 / (3 * 230.0 * DC_EFFICIENCY))
    assert held.schedule(2, NOON, 10.0, NOON, "W") == [(0, pytest.approx(20_000.0))]


def test_one_default_of_a_level_for_station_or_evse() -> None:
    """K01.FR.52/53."""
    held = InstalledProfiles((AC, DC))
    default: dict[str, Any] = {"purpose": "TxDefaultProfile"}
    assert held.install(1, profile(id=1, **default))
    assert held.install(2, profile(id=2, **default))
    assert not held.install(0, profile(id=3, **default))
    assert held.install(0, profile(id=3, stack_level=1, **default))
    assert not held.install(3, profile(id=4))
    assert held.install(1, profile(id=5, **default))  # its place in the stack: the older one goes
    assert [made.id for _, made in held.held(1)] == [5]


def test_so_many_profiles_and_no_more() -> None:
    held = InstalledProfiles((AC,))
    for number in range(32):
        assert held.install(1, profile(id=number, stack_level=number % 9, transaction_id=str(number)))
    assert not held.install(1, profile(id=99, transaction_id="99"))
    assert held.install(1, profile((0.0, 7.0), id=31, stack_level=31 % 9, transaction_id="31"))
    assert held.remove(lambda evse_id, made: made.stack_level == 0)
    assert not held.remove(lambda evse_id, made: made.stack_level == 0)


def test_the_whole_stations_schedule_is_its_cap() -> None:
    held = InstalledProfiles((AC, DC))
    assert held.schedule(0, NOON, 100.0, NOON, "A") == [(0, 112.0)]
    assert held.install(0, profile((0.0, 50.0), (30.0, 40.0), **CAP))
    assert held.schedule(0, NOON, 100.0, NOON, "A") == [(0, 50.0), (30, 40.0)]


def test_a_clock_goes_wrong_and_is_told() -> None:
    site = ScaledClock(START, 10.0)
    clock = OwnClock(config("2.0.1", 0, clock_offset_s=-40.0, clock_drift_ppm=1e6), site)
    assert clock.now() == START - timedelta(seconds=40)
    site._elapsed_s = 10.0
    assert clock.error_s == -30.0  # it runs at twice the speed
    clock.told(site.now())
    assert clock.error_s == 0.0
    clock.drift(5.0, ppm=0.0)
    site._elapsed_s = 50.0
    assert clock.error_s == 5.0
    deaf = OwnClock(config("2.0.1", 0, clock_offset_s=-40.0, takes_time=False), site)
    deaf.told(site.now())
    assert deaf.error_s == -40.0


def test_variables_speak_both_ways() -> None:
    variables = Variables(config("1.6", 0))
    interval = variables.by_key("MeterValueSampleInterval")
    assert interval is not None
    assert interval is variables.by_place("SampledDataCtrlr", "TxUpdatedInterval")
    assert variables.write(interval, "30") == "Accepted"
    assert variables.number("TxUpdatedInterval") == 30.0
    assert [variables.write(interval, value) for value in ("", "-1", "1e3", "0", "86401", "²")] == [
        "Rejected"
    ] * 6
    assert variables.write(variables.by_key("NumberOfConnectors"), "3") == "ReadOnly"
    assert variables.write(variables.by_key("Nothing"), "3") == "Unknown"
    assert all(item.component for item in variables.places)
    assert variables.has_component("TxCtrlr")
    assert not variables.has_component("NoCtrlr")


class Steady:
    """A car that takes a share of what it is offered."""

    full = False
    soc_percent = None

    def __init__(self, share: float) -> None:
        self.energy_wh = 1_000.0
        self._share, self._at, self._power_w = share, 0.0, 0.0

    def step(self, at_s: float, offered_current_a: float, phases_available: int, voltage_v: float) -> Draw:
        self.cut(at_s)
        amperes = offered_current_a * self._share
        self._power_w = amperes * voltage_v * phases_available
        return Drawn((amperes, amperes, amperes), self._power_w)

    def dc_step(self, at_s: float, offered_power_w: float) -> Draw:
        self.cut(at_s)
        self._power_w = offered_power_w * self._share
        return Drawn((0.0, 0.0, 0.0), self._power_w)

    def cut(self, at_s: float) -> None:
        self.energy_wh += self._power_w * (at_s - self._at) / 3_600.0
        self._at, self._power_w = at_s, 0.0


class Drawn:
    def __init__(self, current_a: PerPhase, power_w: float) -> None:
        self.current_a, self.power_w = current_a, power_w


@given(
    evse=st.sampled_from((AC, DC)),
    steps=st.lists(st.tuples(st.floats(0.1, 100.0), st.floats(0.0, 90.0)), min_size=1, max_size=20),
    share=st.floats(0.0, 1.0),
)
def test_the_register_is_the_integral_of_what_was_drawn(
    evse: EvseConfig, steps: list[tuple[float, float]], share: float
) -> None:
    hardware, car, at = EvseHardware(evse), Steady(share), 0.0
    hardware.connect(car)
    for seconds, offered_a in steps:
        at += seconds
        hardware.step(at, offered_a)
        assert hardware.power_w <= (evse.dc_power_w or 3 * 230.0 * evse.max_a) + 1e-6
        assert max(hardware.current_a) <= evse.max_a + 1e-9
    hardware.open_contactor(at + 5.0)
    assert hardware.register_wh == pytest.approx(car.energy_wh - 1_000.0)
    assert 0 <= hardware.register_wh - read(hardware).register_wh < 1.0 + 1e-6
    assert hardware.power_w == 0.0
    hardware.disconnect()
    hardware.step(at + 9.0, 10.0)
    assert read(hardware).current_a == (0.0, 0.0, 0.0)


def test_a_meter_with_a_flaw_tells_otherwise_and_counts_right() -> None:
    hardware = EvseHardware(EvseConfig(evse_id=1, phases=3))
    hardware.current_a, hardware.power_w, hardware.register_wh = (10.0, 0.0, 0.0), 2300.0, 77.0
    hardware.flaw = MeterFlaw(factor=0.5, offset_a=1.0, turned=2)
    told = read(hardware)
    assert told.current_a == (1.0, 1.0, 6.0)
    assert told.power_w == 2300.0 / 2 + 3 * 230.0
    assert told.register_wh == 77


def test_one_that_obeys_late_offers_what_held_then() -> None:
    bay = Bay(EvseConfig(evse_id=1))
    told = ((0.0, 16.0), (2.0, 8.0), (6.0, 8.0), (7.0, 10.0), (12.0, 10.0))
    offers = [bay.offer_of(limit_a, at, 5.0) for at, limit_a in told]
    assert offers == [16.0, 16.0, 16.0, 8.0, 10.0]
    assert bay.offer_of(6.0, 13.0, 0.0) == 6.0
