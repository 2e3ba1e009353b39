"""Block E, transactions: where a station lets one start and stop, and how it stands.

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ..charge import Charge, charging
from ..product import Product

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)
SIGNED = {
    "signedMeterData": "T0NNRnx7fQ==",
    "signingMethod": "ECDSAP256SHA256",
    "encodingMethod": "OCMF",
    "publicKey": "MFkwEwYH",
}


@pytest.fixture
def name() -> str:
    return f"E{next(_names)}"


async def started_by(
    charge: Charge, trigger: str, state: str | None = None, *, token: bool = True, **more: Any
) -> dict[str, Any]:
    """The start of a transaction that its trigger names, of a token that was shown before."""
    if token:
        assert await charge.authorize() == "Accepted"
        await charge.status("Occupied")
        more["idToken"] = charge.token
    answer = await charge.event(trigger, state, evse=charge.evse, **more)
    assert not token or answer["idTokenInfo"]["status"] == "Accepted"
    return answer


# ---------------------------------------------------------------- where it starts


@proves("E01.FR.05")
async def test_TC_E_01_CSMS_starts_with_the_power_path(product: Product, name: str, version: str) -> None:
    """A transaction that begins when the power path closes, suspended by the EVSE, goes on to charge."""
    async with charging(product, name, version) as charge:
        await started_by(charge, "ChargingStateChanged", "SuspendedEVSE")
        assert (await charge.state(), await charge.connector()) == (
            ("open", "SuspendedEVSE"),
            "SuspendedEVSE",
        )
        assert await charge.event("ChargingStateChanged", "Charging") == {}
        assert (await charge.state(), await charge.connector()) == (("open", "Charging"), "Charging")
        assert (await charge.row())["token"] == f"CAFE-{name}"


@proves("E01.FR.06")
async def test_TC_E_02_CSMS_starts_with_the_energy(product: Product, name: str, version: str) -> None:
    """A transaction that begins when energy flows is charging from its first message on."""
    async with charging(product, name, version) as charge:
        await started_by(charge, "ChargingStateChanged", "Charging")
        assert await charge.state() == ("open", "Charging")


@proves("E02.FR.02")
async def test_TC_E_03_CSMS_cable_first(product: Product, name: str, version: str) -> None:
    """The cable begins a transaction that has no token; the token comes with a later message of it."""
    async with charging(product, name, version) as charge:
        assert await charge.ev_connected() == {}
        row = await charge.row()
        assert (row["token"], row["charging_state"], row["evse_id"]) == (None, "EVConnected", 1)
        await charge.authorized()
        await charge.energy_transfer()
        row = await charge.row()
        assert (row["token"], row["charging_state"]) == (f"CAFE-{name}", "Charging")
        assert len(await product.transactions(name)) == 1


@proves("E03.FR.02")
async def test_TC_E_04_CSMS_identification_first(product: Product, name: str, version: str) -> None:
    """A token begins the transaction, the cable follows, all of it is one."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        row = await charge.row()
        assert (row["token"], row["charging_state"], row["evse_id"]) == (f"CAFE-{name}", "Charging", 1)
        assert len(await product.transactions(name)) == 1


@proves("E01.FR.02")
async def test_TC_E_09_CSMS_starts_with_the_cable(product: Product, name: str, version: str) -> None:
    """The cable alone begins a transaction, on the EVSE that it names."""
    async with charging(product, name, version, evse_id=2) as charge:
        assert await charge.ev_connected() == {}
        row = await charge.row()
        assert (row["state"], row["evse_id"], row["connector_id"]) == ("open", 2, 1)
        assert await charge.connector() == "Preparing"


@proves("E01.FR.03")
async def test_TC_E_10_CSMS_starts_with_the_token(product: Product, name: str, version: str) -> None:
    """A token alone begins a transaction; its EVSE is not known yet."""
    async with charging(product, name, version) as charge:
        assert await charge.authorize() == "Accepted"
        answer = await charge.event("Authorized", idToken=charge.token)
        assert answer["idTokenInfo"]["status"] == "Accepted"
        row = await charge.row()
        assert (row["state"], row["token"], row["evse_id"]) == ("open", f"CAFE-{name}", 0)


@proves("E01.FR.04")
async def test_TC_E_11_CSMS_starts_with_signed_data(product: Product, name: str, version: str) -> None:
    """A transaction that begins with a signed meter value has its start register from it."""
    async with charging(product, name, version) as charge:
        charge.register_wh = 0.0
        signed = dict(SIGNED)
        values = charge.values("Transaction.Begin", signedMeterValue=signed)
        await started_by(charge, "SignedDataReceived", meterValue=values)
        assert await charge.event("ChargingStateChanged", "Charging") == {}
        row = await charge.row()
        assert (row["register_start_wh"], row["charging_state"]) == (0.0, "Charging")


@proves("E01.FR.01")
async def test_TC_E_12_CSMS_starts_with_the_parking_bay(product: Product, name: str, version: str) -> None:
    """A car in the bay begins a transaction without cable, token or energy."""
    async with charging(product, name, version) as charge:
        assert await charge.event("EVDetected") == {}
        row = await charge.row()
        assert (row["state"], row["token"], row["charging_state"]) == ("open", None, None)


@proves("E03.FR.01")
async def test_TC_E_38_CSMS_car_not_ready(product: Product, name: str, version: str) -> None:
    """A car that does not take energy yet keeps its transaction open, suspended by the car."""
    async with charging(product, name, version) as charge:
        await charge.authorized()
        await charge.ev_connected()
        assert await charge.event("ChargingStateChanged", "SuspendedEV") == {}
        assert (await charge.state(), await charge.connector()) == (("open", "SuspendedEV"), "SuspendedEV")


@proves("E01.FR.07")
async def test_TC_E_53_CSMS_numbers_start_at_zero_again(product: Product, name: str, version: str) -> None:
    """Two transactions in a row count their messages from 0 each, and each is whole."""
    async with charging(product, name, version) as charge:
        for _ in range(2):
            charge.anew()
            await charge.energy_transfer()
            await charge.stop_authorized()
            await charge.ev_connected_post()
            await charge.ev_disconnected()
            row = await charge.row()
            assert (row["state"], row["missing"], row["energy_wh"]) == ("ended", None, 500.0)
        assert len(await product.transactions(name)) == 2


# ---------------------------------------------------------------- where it stops


async def ended_by(
    charge: Charge, trigger: str, state: str | None = None, *, stopped: str, **more: Any
) -> dict[str, Any]:
    """The end that its trigger names; returns the transaction as it stands then."""
    await charge.event(trigger, state, kind="Ended", stopped=stopped, **more)
    row = await charge.row()
    assert (row["state"], row["stop_reason"], row["charging_state"]) == ("ended", stopped, None)
    return row


@proves("E06.FR.06")
async def test_TC_E_07_CSMS_stops_with_the_power_path(product: Product, name: str, version: str) -> None:
    """The driver stops where the charging station says so; the end is final."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        row = await ended_by(charge, "StopAuthorized", stopped="Local", idToken=charge.token)
        assert row["ended_at"] is not None


@proves("E06.FR.07")
async def test_TC_E_08_CSMS_stops_when_the_energy_has_stopped(
    product: Product, name: str, version: str
) -> None:
    """After the driver's stop the end of the energy is the transaction's end."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        await charge.stop_authorized()
        charge.register_wh += 700
        row = await ended_by(
            charge,
            "ChargingStateChanged",
            "EVConnected",
            stopped="Local",
            meterValue=charge.values("Transaction.End"),
        )
        assert row["energy_wh"] == 700.0


@proves("E06.FR.02")
async def test_TC_E_14_CSMS_stops_at_the_station_side(product: Product, name: str, version: str) -> None:
    """The cable is drawn at the station after the stop: ended, the connector is free."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        await charge.stop_authorized()
        await charge.ev_connected_post()
        assert await charge.state() == ("open", "EVConnected")
        assert await charge.ev_disconnected() == {}
        row = await charge.row()
        assert (row["state"], row["stop_reason"]) == ("ended", "EVDisconnected")
        assert await charge.connector() == "Available"


@proves("E06.FR.03")
async def test_TC_E_15_CSMS_stops_by_the_driver(product: Product, name: str, version: str) -> None:
    """The driver's token stops; the token that started stays the transaction's."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        answer = await charge.event("StopAuthorized", kind="Ended", stopped="Local", idToken=charge.token)
        assert answer["idTokenInfo"]["status"] == "Accepted"
        row = await charge.row()
        assert (row["state"], row["token"], row["stop_reason"]) == ("ended", f"CAFE-{name}", "Local")


@proves("E06.FR.04", "E01.FR.11", "E01.FR.12")
async def test_TC_E_16_CSMS_deauthorizes_an_invalid_token(product: Product, name: str, version: str) -> None:
    """A token that is not valid is told so in the answer to the start; the station ends the transaction."""
    bad = f"BAD{name}{version.replace('.', '')}"
    body = {"value": bad, "kind": "ISO14443", "status": "Invalid"}
    assert (await product.api.put(f"/api/v1/tokens/{bad}", json=body)).status_code == 200
    async with charging(product, name, version, token=bad) as charge:
        answer = await charge.event("Authorized", idToken=charge.token, evse=charge.evse)
        assert answer["idTokenInfo"]["status"] in ("Invalid", "Unknown")
        await ended_by(charge, "Deauthorized", stopped="DeAuthorized")


@proves("E06.FR.04")
async def test_TC_E_17_CSMS_deauthorizes_at_the_car_side(product: Product, name: str, version: str) -> None:
    """A car that goes while it is suspended ends its transaction at once."""
    async with charging(product, name, version) as charge:
        await charge.energy_suspended()
        row = await ended_by(charge, "EVCommunicationLost", "Idle", stopped="EVDisconnected")
        assert row["energy_wh"] == 500.0


@proves("E06.FR.01")
async def test_TC_E_19_CSMS_stops_with_the_parking_bay(product: Product, name: str, version: str) -> None:
    """The transaction outlives the cable until the car leaves the bay."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        await charge.stop_authorized()
        await charge.status("Available")
        await charge.event("EVCommunicationLost", "Idle")
        assert await charge.state() == ("open", "Idle")
        await ended_by(charge, "EVDeparted", stopped="Local")


@proves("E06.FR.02", "E10.FR.02")
async def test_TC_E_20_CSMS_stops_at_the_car_side(product: Product, name: str, version: str) -> None:
    """The cable is drawn at the car while it is suspended, and the transaction ends with it."""
    async with charging(product, name, version) as charge:
        await charge.energy_suspended()
        await charge.ev_disconnected()
        row = await charge.row()
        assert (row["state"], row["stop_reason"], row["energy_wh"]) == ("ended", "EVDisconnected", 1_000.0)


@proves("E06.FR.03", "F03.FR.01", "F03.FR.09")
async def test_TC_E_21_CSMS_stops_by_a_person_far_away(product: Product, name: str, version: str) -> None:
    """A person stops it: the station is asked with its own id, the audit knows who, the end says Remote."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        charge.double.reactions["RequestStopTransaction"] = {"status": "Accepted"}
        asked = await product.command(name, "request_stop", station_transaction_id=charge.wire_id)
        assert asked.json()["result"] == "accepted"
        assert charge.double.heard[-1] == ("RequestStopTransaction", {"transactionId": charge.wire_id})
        await ended_by(charge, "RemoteStop", stopped="Remote")
        [deed] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("request_stop", "accepted")


@proves("E06.FR.07")
async def test_TC_E_22_CSMS_stops_when_the_car_suspends(product: Product, name: str, version: str) -> None:
    """The car has enough; for this station that is the end, and the reason says so."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        await ended_by(charge, "ChargingStateChanged", "SuspendedEV", stopped="StoppedByEV")


@proves("E10.FR.01")
async def test_TC_E_26_CSMS_goes_on_after_the_cable_was_drawn(
    product: Product, name: str, version: str
) -> None:
    """A transaction that is only suspended by the drawn cable goes on when it is plugged in again."""
    async with charging(product, name, version) as charge:
        await charge.energy_suspended()
        await charge.event("EVCommunicationLost", "Idle")
        await charge.status("Available")
        assert (await charge.state(), await charge.connector()) == (("open", "Idle"), "Available")
        await charge.status("Occupied")
        await charge.event("CablePluggedIn", "EVConnected")
        await charge.event("ChargingStateChanged", "Charging")
        assert (await charge.state(), await charge.connector()) == (("open", "Charging"), "Charging")
        assert len(await product.transactions(name)) == 1


@proves("E03.FR.05", "E06.FR.04")
async def test_TC_E_39_CSMS_nobody_plugs_in(product: Product, name: str, version: str) -> None:
    """No cable within the station's patience: ended by its time-out, without energy."""
    async with charging(product, name, version) as charge:
        await charge.authorized()
        row = await ended_by(charge, "EVConnectTimeout", stopped="Timeout")
        assert row["energy_wh"] == 0.0


# ---------------------------------------------------------------- how it stands


async def asked(product: Product, charge: Charge, answer: dict[str, Any], wire_id: str | None) -> Any:
    """Ask how a transaction (None: any) stands; returns what the person is told."""
    charge.double.reactions["GetTransactionStatus"] = answer
    body = {} if wire_id is None else {"station_transaction_id": wire_id}
    outcome = await product.command(charge.name, "get_transaction_status", **body)
    assert outcome.status_code == 200, outcome.text
    request = {} if wire_id is None else {"transactionId": wire_id}
    assert charge.double.heard[-1] == ("GetTransactionStatus", request)
    return outcome.json()["data"]


@proves("E14.FR.02", "E14.FR.04")
async def test_TC_E_29_CSMS_goes_on_with_messages_waiting(product: Product, name: str, version: str) -> None:
    """After a reconnect the station says that it goes on and that more comes; what comes counts."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
    async with product.station(name, version) as again:
        charge.double = again
        answer = {"ongoingIndicator": True, "messagesInQueue": True}
        told = await asked(product, charge, answer, charge.wire_id)
        assert told == {"ongoing": True, "messages_in_queue": True}
        charge.register_wh += 250
        await charge.event("MeterValuePeriodic", offline=True, meterValue=charge.values())
        row = await charge.row()
        assert (row["energy_wh"], row["offline"], row["missing"]) == (250.0, True, None)


@proves("E14.FR.02", "E14.FR.05")
async def test_TC_E_30_CSMS_goes_on_with_nothing_waiting(product: Product, name: str, version: str) -> None:
    """The station says that it goes on and that all has been told."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        answer = {"ongoingIndicator": True, "messagesInQueue": False}
        told = await asked(product, charge, answer, charge.wire_id)
        assert told == {"ongoing": True, "messages_in_queue": False}


@proves("E14.FR.03", "E14.FR.04")
async def test_TC_E_31_CSMS_ended_with_messages_waiting(product: Product, name: str, version: str) -> None:
    """The end came before two other messages: they are known to be missing, then they are there."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        first, second = charge.seq_no, charge.seq_no + 1
    async with product.station(name, version) as again:
        charge.double = again
        await charge.status("Available")
        charge.seq_no += 2
        await charge.event("EVCommunicationLost", "Idle", kind="Ended", offline=True)
        row = await charge.row()
        assert row["state"] == "ended"
        answer = {"ongoingIndicator": False, "messagesInQueue": True}
        told = await asked(product, charge, answer, charge.wire_id)
        assert told == {"ongoing": False, "messages_in_queue": True}
        product.leap(600)
        await product.until(
            lambda row: row["missing"] == f"{first}-{second}", f"/transactions/{row['transaction_id']}"
        )
        await charge.event("StopAuthorized", seq_no=first, offline=True)
        await charge.event("ChargingStateChanged", "EVConnected", seq_no=second, offline=True)
        row = await charge.row()
        assert (row["state"], row["missing"]) == ("ended", None)


@proves("E14.FR.06", "E14.FR.07")
async def test_TC_E_33_CSMS_any_messages_waiting(product: Product, name: str, version: str) -> None:
    """Asked without an id the station tells of all its transactions; what was waiting comes."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
    async with product.station(name, version) as again:
        charge.double = again
        told = await asked(product, charge, {"messagesInQueue": True}, None)
        assert told == {"ongoing": None, "messages_in_queue": True}
        charge.register_wh += 250
        await charge.event("MeterValuePeriodic", offline=True, meterValue=charge.values())
        assert (await charge.row())["energy_wh"] == 250.0


@proves("E14.FR.06", "E14.FR.08")
async def test_TC_E_34_CSMS_no_messages_waiting(product: Product, name: str, version: str) -> None:
    """Asked without an id and without a transaction the station says that nothing waits."""
    async with charging(product, name, version) as charge:
        told = await asked(product, charge, {"messagesInQueue": False}, None)
        assert told == {"ongoing": None, "messages_in_queue": False}
