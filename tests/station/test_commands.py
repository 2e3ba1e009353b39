"""Each command of the vocabulary takes effect in the station, in three versions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from ampacity.csms.vocabulary import (
    ChangeAvailability,
    ClearProfile,
    GetCompositeSchedule,
    GetVariables,
    RequestStart,
    Reset,
    SendVendorData,
    SetVariables,
    Trigger,
    Unlock,
    VariableRef,
    VariableValue,
)
from ampacity.model import events
from ampacity.model.station import IdToken

from .stack import CARD, KINDS, VERSIONS, Stack, stack


@pytest.fixture(params=VERSIONS)
async def it(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stack]:
    """A station with nothing plugged in."""
    async with stack(tmp_path, request.param, connection_timeout_s=20.0) as whole:
        yield whole


def old(it: Stack) -> bool:
    return it.station.config.version.value == "1.6"


def sample_interval(it: Stack) -> VariableRef:
    if old(it):
        return VariableRef(component="OCPP16", variable="MeterValueSampleInterval")
    return VariableRef(component="SampledDataCtrlr", variable="TxUpdatedInterval")


async def test_a_start_waits_for_the_plug_and_is_forgotten_after_its_time(it: Stack) -> None:
    assert (await it.command(RequestStart(evse_id=1, token=CARD))).accepted
    assert not (await it.command(RequestStart(evse_id=1, token=IdToken("OTHER")))).accepted
    await it.clock.sleep(12.0)
    it.station.plug_in(1, it.car())
    await it.until(lambda: it.power_w() > 3_000.0)
    await it.told()
    (row,) = await it.rows()
    assert row.token == CARD
    assert (row.remote_start_id is None) == old(it)
    it.station.unplug(1)
    assert (await it.command(RequestStart(evse_id=1, token=CARD))).accepted
    await it.until(lambda: it.station.bays[1].expected is None)
    it.station.plug_in(1, it.car())
    await it.clock.sleep(5.0)
    assert it.station.transaction_of(1) is None
    assert it.power_w() == 0.0
    assert (await it.command(RequestStart(evse_id=1, token=CARD))).accepted  # the car is there now
    await it.until(lambda: it.power_w() > 3_000.0)
    assert not (await it.command(RequestStart(evse_id=1, token=CARD))).accepted
    assert not (await it.command(RequestStart(evse_id=7, token=CARD))).accepted


async def test_a_driver_may_come_before_the_car(it: Stack) -> None:
    assert await it.station.present(1, CARD)
    it.station.plug_in(1, it.car())
    await it.until(lambda: it.power_w() > 3_000.0)


async def test_reset_at_once(it: Stack) -> None:
    await it.charge()
    assert (await it.command(Reset(kind="Immediate"))).accepted
    await it.until(lambda: len(it.node.of(events.StationBooted)) == 2)
    await it.told()
    assert (await it.rows())[0].stop_reason == ("HardReset" if old(it) else "ImmediateReset")
    if not old(it):
        assert it.node.of(events.StationBooted)[1].reason == "RemoteReset"
    await it.until(lambda: it.state.evse_status(1) == ("Preparing" if old(it) else "Occupied"))
    await it.nothing_is_lost()


async def test_reset_when_idle(it: Stack) -> None:
    """1.6's Soft ends transactions in order; 2.x's OnIdle waits for them."""
    await it.charge()
    outcome = await it.command(Reset(kind="OnIdle"))
    assert outcome.accepted
    if not old(it):
        assert outcome.status == "Scheduled"
        await it.clock.sleep(10.0)
        assert it.power_w() > 3_000.0
        it.station.unplug(1)
        assert not await it.station.present(1, CARD)  # it is about to restart
    await it.until(lambda: len(it.node.of(events.StationBooted)) == 2)
    await it.told()
    assert (await it.rows())[0].stop_reason == ("SoftReset" if old(it) else "EVDisconnected")
    await it.nothing_is_lost()


async def test_triggers(it: Stack) -> None:
    assert not (await it.command(Trigger(message="TransactionEvent", evse_id=1))).accepted
    for message in ("BootNotification", "Heartbeat", "StatusNotification", "FirmwareStatusNotification"):
        assert (await it.command(Trigger(message=message))).accepted, message
    await it.until(lambda: len(it.node.of(events.StationBooted)) == 2)
    await it.until(lambda: any(notice.notice.action.startswith("Firmware") for notice in it.state.notices))
    assert (await it.command(Trigger(message="MeterValues", evse_id=1))).accepted
    await it.until(lambda: it.node.of(events.MeterSampled))
    assert it.node.of(events.MeterSampled)[0].transaction_id is None
    assert not (await it.command(Trigger(message="MeterValues", evse_id=9))).accepted
    await it.charge()
    if not old(it):
        assert (await it.command(Trigger(message="TransactionEvent", evse_id=1))).accepted
        await it.told()
        # Its periodic messages go on before and after.
        told = [entry.payload.decode().replace(" ", "") for entry in await it.journal()]
        assert any('"triggerReason":"Trigger"' in text for text in told), told


async def test_unlock(it: Stack) -> None:
    assert (await it.command(Unlock(evse_id=1))).accepted
    assert not (await it.command(Unlock(evse_id=4))).accepted
    await it.charge()
    outcome = await it.command(Unlock(evse_id=1))
    if old(it):
        assert outcome.accepted
        await it.told()
        assert (await it.rows())[0].stop_reason == "UnlockCommand"
    else:
        assert outcome.status == "OngoingAuthorizedTransaction"
        assert it.power_w() > 3_000.0


async def test_out_of_service_and_back(it: Stack) -> None:
    assert (await it.command(ChangeAvailability(evse_id=1, operative=False))).accepted
    await it.until(lambda: it.statuses()[-1] == "Unavailable")
    it.station.plug_in(1, it.car())
    assert not await it.station.present(1, CARD)
    assert not (await it.command(RequestStart(evse_id=1, token=CARD))).accepted
    it.station.unplug(1)
    await it.station.reboot()
    await it.until(lambda: it.station.connected)
    assert it.statuses()[-1] == "Unavailable"  # the reboot has not brought it back
    assert (await it.command(ChangeAvailability(evse_id=0, operative=True))).accepted
    await it.until(lambda: it.state.evse_status(1) == "Available")
    await it.charge()
    assert (await it.command(ChangeAvailability(evse_id=0, operative=False))).status == "Scheduled"
    assert it.power_w() > 3_000.0
    assert await it.station.present(1, CARD)
    await it.until(lambda: it.state.evse_status(1) == "Unavailable")


async def test_variables(it: Stack) -> None:
    ref = sample_interval(it)
    (read,) = (await it.command(GetVariables(variables=(ref,)))).data
    assert (read.value, read.status) == ("5", "Accepted")
    missing = VariableRef(component=ref.component, variable="NoSuchThing")
    told = (await it.command(GetVariables(variables=(missing,)))).data
    assert [item.value for item in told] in ([], [None])
    for value, taken in (("2", True), ("soon", False), ("0", False)):
        outcome = await it.command(SetVariables(values=(VariableValue(ref=ref, value=value),)))
        assert outcome.accepted == taken, value
    await it.charge()
    await it.clock.sleep(10.0)
    seen = len(it.node.of(events.MeterSampled))
    await it.clock.sleep(20.0)
    await it.told()
    assert len(it.node.of(events.MeterSampled)) - seen >= 8  # each 2 s now
    assert (await it.command(GetVariables())).accepted
    (report, *_) = it.node.csms.device_model.reports.of(it.state.station_id)
    await it.until(lambda: report.state == "complete")  # in several messages
    assert report.items >= (9 if old(it) else 12)
    assert it.state.variables[ref].value == "2"


async def test_profiles_are_kept_told_and_cleared(it: Stack) -> None:
    assert not (await it.limit((0, 10.0))).accepted  # no transaction
    await it.charge()
    assert (await it.limit((0, 12.3), (100, 8.0))).accepted
    await it.draws(12.3)
    outcome = await it.command(GetCompositeSchedule(evse_id=1, duration_s=300))
    first, second = outcome.data.periods
    assert (first.limit, second.limit) == (12.3, 8.0)
    changes_at = outcome.data.start + timedelta(seconds=second.start_s)
    assert abs((changes_at - it.station.clock.now()).total_seconds() - 90.0) < 15.0
    watts = await it.command(GetCompositeSchedule(evse_id=1, duration_s=50, unit="W"))
    assert watts.data.unit == "W"
    assert watts.data.periods[0].limit == pytest.approx(12.3 * 690.0, abs=0.2)
    assert not (await it.command(GetCompositeSchedule(evse_id=9, duration_s=50))).accepted
    assert (await it.limit((0, 9.0))).accepted  # the same id: replaced
    await it.draws(9.0)
    assert (await it.limit((0, 4.0))).accepted  # below the least that a pilot can say
    await it.until(lambda: it.power_w() == 0.0)
    await it.until(lambda: it.state.evse_status(1) == "SuspendedEVSE")
    assert (await it.command(ClearProfile(profile_id=101))).accepted
    await it.draws(32.0)
    for flawed in (
        {"stack_level": 99},
        {"purpose": "ChargingStationMaxProfile", "station_transaction_id": None},
        {"station_transaction_id": "99999"},
    ):
        assert not (await it.limit((0, 10.0), **flawed)).accepted, flawed


async def test_limits_rejected_or_ignored(it: Stack) -> None:
    await it.charge()
    it.station.treat_limits("reject")
    assert not (await it.limit((0, 10.0))).accepted
    it.station.treat_limits("ignore")
    assert (await it.limit((0, 10.0))).accepted
    await it.clock.sleep(15.0)
    assert it.current_a() > 20.0
    outcome = await it.command(GetCompositeSchedule(evse_id=1, duration_s=60))
    assert outcome.data.periods[0].limit == 10.0  # it says what one wants to hear
    it.station.treat_limits("obey")
    await it.draws(10.0)


async def test_slow_refusing_and_silent_answers(it: Stack) -> None:
    it.station.answer_slowly(5.0)
    before = it.clock.monotonic()
    assert (await it.command(Unlock(evse_id=1))).accepted
    assert it.clock.monotonic() - before >= 5.0
    it.station.answer_slowly(0.0)
    it.station.refuse("UnlockConnector")
    assert (await it.command(Unlock(evse_id=1))).result == "error"
    it.station.refuse()
    it.station.ignore("UnlockConnector")
    assert (await it.command(Unlock(evse_id=1), timeout_s=5.0)).result == "timeout"
    it.station.ignore()
    assert (await it.command(Unlock(evse_id=1))).accepted
    assert not (await it.command(SendVendorData(vendor_id="nobody"))).accepted


async def test_a_wrong_clock_runs_the_profiles(tmp_path: Path) -> None:
    """A lease that is dated by our clock is over at once for a station that lives in the future."""
    async with stack(
        tmp_path, "2.0.1", KINDS["AC3"], takes_time=False, clock_offset_s=600.0, clock_drift_ppm=0.0
    ) as it:
        await it.charge()
        [row] = await it.rows()
        assert row.clock_correction_s == pytest.approx(-600.0, abs=15.0)
        assert abs(row.started_at - it.clock.now()) < timedelta(seconds=60)
        assert (await it.limit((0, 16.0), (300, 7.0), start=it.clock.now())).accepted
        await it.draws(7.0)
        it.station.drift(-600.0)
        await it.draws(16.0)
        it.station.drift(ppm=100_000.0)
        before = it.station.clock.error_s
        await it.clock.sleep(30.0)
        assert it.station.clock.error_s - before == pytest.approx(3.0, abs=0.2)
