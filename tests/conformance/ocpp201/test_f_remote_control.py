"""Block F, remote control: starts, unlocks and triggers that a person asks for.

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


@pytest.fixture
def name() -> str:
    return f"F{next(_names)}"


# ---------------------------------------------------------------- remote start


async def asked_to_start(charge: Charge, answer: dict[str, Any]) -> int:
    """Ask the station to start for the charge's token; returns the number that the request has."""
    charge.double.reactions["RequestStartTransaction"] = {"status": "Accepted"} | answer
    token = {"value": charge.token["idToken"], "kind": "ISO14443"}
    outcome = await charge.product.command(charge.name, "request_start", evse_id=1, token=token)
    assert outcome.status_code == 200, outcome.text
    assert outcome.json()["data"] == answer.get("transactionId")
    action, request = charge.double.heard[-1]
    assert (action, request["idToken"], request["evseId"]) == ("RequestStartTransaction", charge.token, 1)
    [deed, *_] = await charge.product.audit(charge.name)
    assert (deed["action"], deed["outcome"]) == ("request_start", "accepted")
    return int(request["remoteStartId"])


async def remotely_started(charge: Charge, number: int) -> None:
    """The station tells that it starts because it was asked."""
    answer = await charge.event(
        "RemoteStart", info={"remoteStartId": number}, idToken=charge.token, evse=charge.evse
    )
    assert answer["idTokenInfo"]["status"] == "Accepted"


async def goes_on(charge: Charge) -> None:
    """The cable comes and energy flows, in the one transaction."""
    await charge.ev_connected()
    await charge.energy_transfer()
    row = await charge.row()
    assert (row["token"], row["charging_state"]) == (charge.token["idToken"], "Charging")
    assert len(await charge.product.transactions(charge.name)) == 1


@proves("F01.FR.04", "F01.FR.13", "F01.FR.25")
async def test_TC_F_01_CSMS_remote_start_with_the_cable_in(product: Product, name: str, version: str) -> None:
    """The transaction that the cable began gets the token of the request; its id comes with the answer."""
    async with charging(product, name, version) as charge:
        await charge.ev_connected()
        number = await asked_to_start(charge, {"transactionId": charge.wire_id})
        await remotely_started(charge, number)
        await charge.energy_transfer()
        row = await charge.row()
        assert (row["token"], row["charging_state"]) == (charge.token["idToken"], "Charging")
        assert len(await product.transactions(name)) == 1


@proves("F02.FR.01", "F01.FR.01")
async def test_TC_F_02_CSMS_remote_start_authorized_again(product: Product, name: str, version: str) -> None:
    """The station asks about the token of the request before it starts."""
    async with charging(product, name, version) as charge:
        number = await asked_to_start(charge, {})
        assert await charge.authorize() == "Accepted"
        await remotely_started(charge, number)
        await goes_on(charge)


@proves("F02.FR.01", "F01.FR.02", "F01.FR.03")
async def test_TC_F_03_CSMS_remote_start_at_once(product: Product, name: str, version: str) -> None:
    """The station starts without asking; the token is judged in the answer to the start."""
    async with charging(product, name, version) as charge:
        await remotely_started(charge, await asked_to_start(charge, {}))
        await goes_on(charge)


@proves("E03.FR.05")
async def test_TC_F_04_CSMS_remote_start_and_nobody_plugs_in(
    product: Product, name: str, version: str
) -> None:
    """The time for the cable runs out: the transaction goes on as the station says, without energy."""
    async with charging(product, name, version) as charge:
        await remotely_started(charge, await asked_to_start(charge, {}))
        assert await charge.event("EVConnectTimeout") == {}
        row = await charge.row()
        assert (row["state"], row["energy_wh"], row["charging_state"]) == ("open", 0.0, None)


# ---------------------------------------------------------------- unlock


@proves("F05.FR.04")
async def test_TC_F_06_CSMS_unlocks_a_connector(product: Product, name: str, version: str) -> None:
    """The connector is named on the wire, and the person hears that it is unlocked."""
    async with charging(product, name, version) as charge:
        charge.double.reactions["UnlockConnector"] = {"status": "Unlocked"}
        outcome = await product.command(name, "unlock", evse_id=1, connector_id=1)
        assert (outcome.status_code, outcome.json()["status"]) == (200, "Unlocked")
        assert charge.double.heard[-1] == ("UnlockConnector", {"evseId": 1, "connectorId": 1})
        [deed] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("unlock", "accepted")


@pytest.mark.parametrize("status", ["UnlockFailed", "OngoingAuthorizedTransaction", "UnknownConnector"])
@proves("F05.FR.02", "F05.FR.03", "F05.FR.05")
async def test_TC_F_06_CSMS_tells_why_a_connector_stays_locked(
    product: Product, name: str, version: str, status: str
) -> None:
    """What is not unlocked is told as an error with the station's word."""
    async with charging(product, name, version) as charge:
        charge.double.reactions["UnlockConnector"] = {"status": status}
        outcome = await product.command(name, "unlock", evse_id=1)
        assert (outcome.status_code, outcome.json()["outcome"]["status"]) == (502, status)


# ---------------------------------------------------------------- triggers


async def trigger(charge: Charge, message: str, evse: dict[str, int] | None = None) -> None:
    """Ask for a message; on the wire it is asked for of exactly this place."""
    charge.double.reactions["TriggerMessage"] = {"status": "Accepted"}
    body: dict[str, Any] = {"message": message}
    if evse is not None:
        body |= {"evse_id": evse["id"], "connector_id": evse.get("connectorId")}
    outcome = await charge.product.command(charge.name, "trigger", **body)
    assert outcome.status_code == 200, outcome.text
    request = {"requestedMessage": message} | ({} if evse is None else {"evse": evse})
    assert charge.double.heard[-1] == ("TriggerMessage", request)


async def tells_its_meter(charge: Charge, evse_id: int, value: float) -> None:
    """MeterValues of an EVSE, because of the trigger."""
    values = charge.values("Trigger", measurand="Voltage", unitOfMeasure={"unit": "V"})
    values[0]["sampledValue"][0]["value"] = value
    assert await charge.double.call("MeterValues", {"evseId": evse_id, "meterValue": values}) == {}
    await charge.product.until(
        lambda said: [line["value"][-1:] for line in said["lines"]] == [[value]],
        f"/evses/{charge.name}/{evse_id}/series",
        measurand="Voltage",
        resolution="raw",
    )


@proves("F06.FR.01", "F06.FR.02", "F06.FR.06")
async def test_TC_F_11_CSMS_triggers_meter_values_of_an_evse(
    product: Product, name: str, version: str
) -> None:
    """Meter values of one EVSE are asked for, come, and are kept."""
    async with charging(product, name, version) as charge:
        await trigger(charge, "MeterValues", {"id": 1})
        await tells_its_meter(charge, 1, 229.0)


@proves("F06.FR.01", "F06.FR.11")
async def test_TC_F_12_CSMS_triggers_meter_values_of_all(product: Product, name: str, version: str) -> None:
    """Without an EVSE each tells its own."""
    async with charging(product, name, version) as charge:
        await trigger(charge, "MeterValues")
        await tells_its_meter(charge, 1, 229.0)
        await tells_its_meter(charge, 2, 231.0)


async def tells_its_transaction(charge: Charge) -> None:
    """An Updated of an EVSE's transaction, because of the trigger."""
    charge.register_wh += 300
    answer = await charge.event("Trigger", "Charging", meterValue=charge.values("Trigger"))
    assert "idTokenInfo" not in answer
    assert (await charge.row())["energy_wh"] == 300.0


@proves("F06.FR.01", "F06.FR.02", "F06.FR.07")
async def test_TC_F_13_CSMS_triggers_a_transaction_event_of_an_evse(
    product: Product, name: str, version: str
) -> None:
    """The transaction of one EVSE is asked for, and what it tells counts."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        await trigger(charge, "TransactionEvent", {"id": 1})
        await tells_its_transaction(charge)


@proves("F06.FR.01", "F06.FR.11")
async def test_TC_F_14_CSMS_triggers_transaction_events_of_all(
    product: Product, name: str, version: str
) -> None:
    """Without an EVSE each transaction tells its own."""
    async with charging(product, name, version) as charge:
        second = Charge(product, charge.double, name, evse_id=2, token=f"SECOND-{name}")
        await charge.energy_transfer()
        await second.energy_transfer()
        await trigger(charge, "TransactionEvent")
        await tells_its_transaction(charge)
        await tells_its_transaction(second)


@proves("F06.FR.01", "F06.FR.15")
async def test_TC_F_15_CSMS_triggers_the_log_status(product: Product, name: str, version: str) -> None:
    """An idle station says so, and that is acknowledged."""
    async with charging(product, name, version) as charge:
        await trigger(charge, "LogStatusNotification")
        assert await charge.double.call("LogStatusNotification", {"status": "Idle"}) == {}


@proves("F06.FR.01", "F06.FR.16")
async def test_TC_F_18_CSMS_triggers_the_firmware_status(product: Product, name: str, version: str) -> None:
    """A station that updates nothing says so, and that is acknowledged."""
    async with charging(product, name, version) as charge:
        await trigger(charge, "FirmwareStatusNotification")
        assert await charge.double.call("FirmwareStatusNotification", {"status": "Idle"}) == {}


@proves("F06.FR.01")
async def test_TC_F_20_CSMS_triggers_a_heartbeat(product: Product, name: str, version: str) -> None:
    """A heartbeat is asked for, and told the time."""
    async with charging(product, name, version) as charge:
        await trigger(charge, "Heartbeat")
        answer = await charge.double.call("Heartbeat", {})
        assert answer["currentTime"][:13] == product.at()[:13]


@proves("F06.FR.01", "F06.FR.02", "F06.FR.13")
async def test_TC_F_23_CSMS_triggers_the_status_of_a_free_connector(
    product: Product, name: str, version: str
) -> None:
    """A status is asked of a connector, also where a person names the EVSE only."""
    async with charging(product, name, version) as charge:
        await trigger(charge, "StatusNotification", charge.evse)
        await product.command(name, "trigger", message="StatusNotification", evse_id=1)
        assert charge.double.heard[-1] == charge.double.heard[-2]
        await charge.status("Available")
        assert await charge.connector() == "Available"


@proves("F06.FR.01", "F06.FR.02", "F06.FR.13")
async def test_TC_F_24_CSMS_triggers_the_status_of_an_occupied_connector(
    product: Product, name: str, version: str
) -> None:
    """A status that was known before is told again, and stays."""
    async with charging(product, name, version) as charge:
        await charge.status("Occupied")
        await trigger(charge, "StatusNotification", charge.evse)
        await charge.status("Occupied")
        assert await charge.connector() == "Occupied"


@proves("F06.FR.08")
async def test_TC_F_27_CSMS_triggers_what_a_station_does_not_have(
    product: Product, name: str, version: str
) -> None:
    """The person hears the station's word: it has no such message."""
    async with charging(product, name, version) as charge:
        charge.double.reactions["TriggerMessage"] = {"status": "NotImplemented"}
        outcome = await product.command(name, "trigger", message="SignV2GCertificate")
        assert (outcome.status_code, outcome.json()["outcome"]["status"]) == (502, "NotImplemented")
        [deed] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("trigger", "rejected")
