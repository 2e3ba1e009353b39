"""Charges over real sockets: what the car drew is what the transaction holds, whatever the line does."""

from __future__ import annotations

from pathlib import Path

import pytest

from ampacity.csms.vocabulary import RequestStop
from ampacity.model import events
from ampacity.model.station import IdToken
from ampacity.station import EvseConfig

from .stack import CARD, KINDS, VERSIONS, stack


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("kind", "way"), [("AC1", "Local"), ("AC3", "Remote"), ("DC", "EVDisconnected")])
async def test_a_charge_from_plug_to_stop(tmp_path: Path, version: str, kind: str, way: str) -> None:
    async with stack(tmp_path, version, KINDS[kind]) as it:
        car = await it.charge()
        most_w = {"AC1": 7_360.0, "AC3": 22_080.0, "DC": 50_000.0}[kind]
        await it.until(lambda: it.power_w() > 0.9 * most_w)
        assert it.power_w() <= most_w + 1.0
        await it.clock.sleep(15.0)
        (open_row,) = await it.rows()
        assert (open_row.state, open_row.token, open_row.evse_id) == ("open", CARD, 1)
        assert it.state.evse_status(1) == "Charging"
        match way:
            case "Local":
                assert await it.station.present(1, IdToken("cafe01"))
            case "Remote":
                outcome = await it.command(
                    RequestStop(station_transaction_id=open_row.station_transaction_id)
                )
                assert outcome.accepted
            case _:
                it.station.unplug(1)
        await it.told()
        drawn_wh = car.energy_wh
        await it.clock.sleep(10.0)
        assert car.energy_wh == drawn_wh  # the contactor is open
        await it.nothing_is_lost()
        (row,) = await it.rows()
        assert abs(row.energy_wh - drawn_wh) < 1.0
        assert row.energy_wh > 25.0
        assert row.stop_reason == way
        sampled = [event.reading for event in it.node.of(events.MeterSampled)]
        power = [
            item.value
            for reading in sampled
            for item in reading.samples
            if item.measurand.startswith("Power")
        ]
        assert max(power) > 0.9 * most_w
        phases = {
            item.phase
            for reading in sampled
            for item in reading.samples
            if item.measurand == "Current.Import"
        }
        assert phases == ({1} if kind == "AC1" else {1, 2, 3})
        assert any(item.measurand == "SoC" for reading in sampled for item in reading.samples) == (
            kind == "DC"
        )
        if way != "EVDisconnected":
            it.station.unplug(1)
        await it.until(lambda: it.statuses()[-1] == "Available")


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_outage_in_mid_charge_loses_nothing_and_the_lease_steps_down_by_itself(
    tmp_path: Path, version: str
) -> None:
    async with stack(tmp_path, version) as it:
        await it.charge()
        assert (await it.limit((0, 16.0), (30, 10.0), (60, 6.0))).accepted
        await it.draws(16.0)
        await it.station.cut_network()
        await it.until(lambda: not it.state.online)
        await it.until(lambda: not it.station.connected)
        await it.draws(10.0)
        await it.draws(6.0)
        assert it.station.unsent > 0
        it.station.unplug(1)
        # Offline a driver is trusted, and a second transaction waits behind the first one.
        it.station.plug_in(1, it.car())
        assert await it.station.present(1, IdToken("FRIEND"))
        await it.draws(32.0)  # the lease has gone with its transaction
        it.station.restore_network()
        await it.until(lambda: it.station.connected)
        await it.told()
        it.station.unplug(1)
        await it.told()
        await it.nothing_is_lost()
        first, second = await it.rows()
        assert (first.token, second.token) == (CARD, IdToken("FRIEND"))
        if version != "1.6":
            assert first.offline
            assert second.offline
        told = [
            item.seq_no for item in it.station.acknowledged if item.wire_id == first.station_transaction_id
        ]
        assert told == sorted(set(told))
        assert len(it.node.of(events.StationBooted)) == 1  # it never lost power


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_line_that_dies_without_a_word_is_noticed_by_pings(tmp_path: Path, version: str) -> None:
    # A second for the answer: a machine that stands still for a moment must not look like a line that died.
    async with stack(tmp_path, version, ping_interval_wall_s=0.1, ping_timeout_wall_s=1.0) as it:
        await it.charge()
        await it.station.cut_network(silent=True)
        assert it.station.connected  # nobody has told it
        await it.until(lambda: not it.station.connected)
        assert it.state.online  # nor the CSMS
        await it.clock.sleep(12.0)
        it.station.restore_network()
        await it.until(lambda: it.station.connected)
        it.station.unplug(1)
        await it.told()
        await it.nothing_is_lost()


async def test_a_network_that_comes_back_before_anybody_noticed(tmp_path: Path) -> None:
    async with stack(tmp_path, "2.0.1") as it:
        await it.charge()
        await it.station.cut_network(silent=True)
        await it.clock.sleep(7.0)
        waiting = it.station.unsent
        assert waiting > 0
        it.station.restore_network()
        await it.told()
        it.station.unplug(1)
        await it.told()
        await it.nothing_is_lost()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_token_that_is_refused_later_ends_the_charge(tmp_path: Path, version: str) -> None:
    async with stack(tmp_path, version, csms={"unknown_tokens": "reject"}) as it:
        assert not await it.station.present(1, CARD)
        await it.station.cut_network()
        it.station.plug_in(1, it.car())
        assert await it.station.present(1, CARD)
        await it.until(lambda: it.power_w() > 3_000.0)
        it.station.restore_network()
        await it.until(lambda: it.station.transaction_of(1) is None)
        await it.told()
        await it.nothing_is_lost()
        assert (await it.rows())[0].stop_reason == "DeAuthorized"
        assert it.power_w() == 0.0


@pytest.mark.parametrize("version", VERSIONS)
async def test_power_loss_in_mid_charge(tmp_path: Path, version: str) -> None:
    async with stack(tmp_path, version) as it:
        car = await it.charge()
        base = {"purpose": "TxDefaultProfile", "kind": "Relative", "stack_level": 0, "profile_id": 5}
        assert (await it.limit((0, 13.0), start=None, station_transaction_id=None, **base)).accepted
        assert (await it.limit((0, 20.0))).accepted
        it.station.lose_power()
        drawn_wh = car.energy_wh
        assert not await it.station.present(1, CARD)  # it is dark
        await it.until(lambda: not it.state.online)
        await it.clock.sleep(20.0)
        assert car.energy_wh == drawn_wh
        it.station.restore_power()
        await it.until(lambda: it.station.connected)
        await it.told()
        await it.nothing_is_lost()
        assert (await it.rows())[0].stop_reason == "PowerLoss"
        assert len(it.node.of(events.StationBooted)) == 2
        assert await it.station.present(1, CARD)
        await it.draws(13.0)  # the base profile has outlived the power, the transaction's has not


@pytest.mark.parametrize("hard", [False, True])
async def test_somebody_reboots_it(tmp_path: Path, hard: bool) -> None:
    async with stack(tmp_path, "1.6") as it:
        await it.charge()
        await it.station.reboot(hard)
        await it.until(lambda: it.station.connected)
        await it.told()
        await it.nothing_is_lost()
        (row,) = await it.rows()
        assert row.stop_reason == ("HardReset" if hard else "SoftReset")
        boots = [event.at for event in it.node.of(events.StationBooted)]
        ended = next(event.at for event in it.node.of(events.TransactionChanged) if event.phase == "Ended")
        assert len(boots) == 2
        assert (ended > boots[1]) == hard  # a soft one says goodbye first


@pytest.mark.parametrize("version", VERSIONS)
async def test_two_evses_of_one_station(tmp_path: Path, version: str) -> None:
    evses = KINDS["AC3"], EvseConfig(evse_id=2, phases=1)
    async with stack(tmp_path, version, *evses) as it:
        await it.charge(1)
        await it.charge(2, IdToken("FRIEND"))
        assert (await it.limit((0, 10.0), evse_id=2)).accepted
        await it.draws(10.0, 2)
        await it.draws(32.0, 1)
        whole = {"purpose": "ChargingStationMaxProfile", "profile_id": 9, "station_transaction_id": None}
        assert (await it.limit((0, 8.0), evse_id=0, **whole)).accepted
        await it.draws(8.0, 1)
        await it.draws(8.0, 2)
        it.station.unplug(1)
        it.station.unplug(2)
        await it.told()
        await it.nothing_is_lost()
        assert [row.evse_id for row in await it.rows()] == [1, 2]


@pytest.mark.parametrize("version", VERSIONS)
async def test_two_connectors_of_one_evse(tmp_path: Path, version: str) -> None:
    async with stack(tmp_path, version, EvseConfig(evse_id=1, connectors=2)) as it:
        it.station.plug_in(1, it.car(), connector_id=2)
        with pytest.raises(ValueError, match="has a car already"):
            it.station.plug_in(1, it.car(), connector_id=1)
        assert await it.station.present(1, CARD)
        await it.until(lambda: it.state.evse_status(1) == "Charging")
        (row,) = await it.rows()
        if version == "1.6":
            assert row.connector_id == 1  # it knows no connectors within an EVSE
        else:
            assert row.connector_id == 2
            assert it.statuses(1, 1) == ["Available"]
        it.station.unplug(1)
        await it.until(lambda: it.state.evse_status(1) == "Available")
        with pytest.raises(ValueError, match="no connector 3"):
            it.station.plug_in(1, it.car(), connector_id=3)


async def test_a_full_car_is_suspended_by_itself(tmp_path: Path) -> None:
    async with stack(tmp_path, "1.6") as it:
        await it.charge(requested_wh=120.0)
        await it.until(lambda: it.statuses()[-1] == "SuspendedEV")
        it.station.unplug(1)
        await it.told()
        await it.nothing_is_lost()
        assert abs((await it.rows())[0].energy_wh - 120.0) < 1.0
