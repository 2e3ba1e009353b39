"""A station that somebody else wrote: PyPI's `ocpp` library over the `websockets` client, in three versions.

It checks our frames by its own schemas and speaks by its own classes, so it fails where only our double and
our judge are of one mind with us.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import ocpp.v16
import ocpp.v21
import ocpp.v201
import pytest
from ocpp.routing import on
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v21 import call as call21
from ocpp.v21 import call_result as result21
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from websockets.asyncio.client import connect

from .double import SUBPROTOCOLS
from .product import Product

pytestmark = pytest.mark.asyncio(loop_scope="module")


Answer = dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]]
ACCEPTED: Answer = {"status": "Accepted"}


def station_of(base: Any, result: Any, answers: dict[str, Answer]) -> Any:
    """A station of the library in the words of one version; `asked` is what it was told to do."""

    def obeying(action: str, answer: Answer) -> Any:
        def obey(self: Any, **given: Any) -> Any:
            self.asked.append((action, given))
            return getattr(result, action)(**(answer(given) if callable(answer) else answer))

        obey.__name__ = action  # the library looks for its handlers by their names
        return on(action)(obey)

    return type("Foreign", (base,), {action: obeying(action, answer) for action, answer in answers.items()})


FOREIGN_16 = station_of(
    ocpp.v16.ChargePoint,
    result16,
    {
        **dict.fromkeys(("RemoteStartTransaction", "RemoteStopTransaction"), ACCEPTED),
        **dict.fromkeys(("SetChargingProfile", "Reset"), ACCEPTED),
        "GetConfiguration": {
            "configuration_key": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
            "unknown_key": ["Nonsense"],
        },
        "ChangeConfiguration": {"status": "RebootRequired"},
        "DataTransfer": {"status": "Accepted", "data": "pong"},
    },
)


def variables_read(given: dict[str, Any]) -> dict[str, Any]:
    read = {"attribute_status": "Accepted", "attribute_value": "300"}
    return {"get_variable_result": [item | read for item in given["get_variable_data"]]}


def variables_written(given: dict[str, Any]) -> dict[str, Any]:
    done = {"attribute_status": "RebootRequired"}
    return {
        "set_variable_result": [
            done | {"component": item["component"], "variable": item["variable"]}
            for item in given["set_variable_data"]
        ]
    }


ANSWERS_2: dict[str, Answer] = {
    **dict.fromkeys(("RequestStartTransaction", "RequestStopTransaction"), ACCEPTED),
    **dict.fromkeys(("SetChargingProfile", "Reset", "SetDisplayMessage"), ACCEPTED),
    "GetVariables": variables_read,
    "SetVariables": variables_written,
    "DataTransfer": {"status": "Accepted", "data": "pong"},
}


@contextlib.asynccontextmanager
async def foreign(product: Product, kind: Any, identity: str, version: str) -> AsyncIterator[Any]:
    """The library's station, connected and listening."""
    async with connect(
        f"ws://127.0.0.1:{product.port}/ocpp/{identity}",
        subprotocols=[SUBPROTOCOLS[version]],  # type: ignore[list-item]
        proxy=None,
        close_timeout=2,
    ) as connection:
        station = kind(identity, connection, response_timeout=10)
        station.asked = []
        listening = asyncio.ensure_future(station.start())
        try:
            yield station
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def told(product: Product, identity: str, command: str, **body: Any) -> Any:
    """A person's command, accepted; returns its data."""
    answer = await product.command(identity, command, **body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def values16(at: str, wh: int) -> list[dict[str, Any]]:
    register = {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    return [{"timestamp": at, "sampledValue": [register, {"value": "16.1", "measurand": "Current.Import"}]}]


async def test_a_foreign_1_6_station_charges_and_obeys(product: Product) -> None:
    """Boot, status, token, a transaction with values, and commands in both directions."""
    name = "FOREIGN16"
    async with foreign(product, FOREIGN_16, name, "1.6") as station:
        boot = await station.call(
            call16.BootNotification(charge_point_model="Wall", charge_point_vendor="Elsewhere")
        )
        assert (boot.status, boot.interval > 0) == ("Accepted", True)
        assert (await station.call(call16.Heartbeat())).current_time
        await station.call(
            call16.StatusNotification(connector_id=1, error_code="NoError", status="Preparing")
        )
        assert (await station.call(call16.Authorize(id_tag="F16"))).id_tag_info["status"] == "Accepted"

        await told(product, name, "request_start", evse_id=1, token={"value": "F16"})
        assert station.asked[-1] == ("RemoteStartTransaction", {"connector_id": 1, "id_tag": "F16"})
        start = await station.call(
            call16.StartTransaction(
                connector_id=1, id_tag="F16", meter_start=1_000, timestamp=product.at(-60)
            )
        )
        assert start.id_tag_info["status"] == "Accepted"
        meter = values16(product.at(-30), 1_500)
        await station.call(
            call16.MeterValues(connector_id=1, meter_value=meter, transaction_id=start.transaction_id)
        )
        row = await product.transaction(name)
        assert (row["state"], row["energy_wh"], row["token"]) == ("open", 500.0, "F16")

        profile = {
            "profile_id": 5,
            "stack_level": 1,
            "purpose": "TxDefaultProfile",
            "kind": "Absolute",
            "unit": "A",
            "start": product.at(0),
            "periods": [{"start_s": 0, "limit": 8.1}],
        }
        await told(product, name, "set_profile", evse_id=1, profile=profile)
        sent = station.asked[-1][1]["cs_charging_profiles"]
        [period] = sent["charging_schedule"]["charging_schedule_period"]
        assert float(period["limit"]) == 8.1

        await told(product, name, "request_stop", station_transaction_id=str(start.transaction_id))
        assert station.asked[-1] == ("RemoteStopTransaction", {"transaction_id": start.transaction_id})
        await station.call(
            call16.StopTransaction(
                meter_stop=2_345,
                timestamp=product.at(-1),
                transaction_id=start.transaction_id,
                reason="Remote",
            )
        )
        row = await product.transaction(name)
        assert (row["state"], row["energy_wh"], row["stop_reason"]) == ("ended", 1_345.0, "Remote")

        keys = [{"component": "OCPP16", "variable": "HeartbeatInterval"}]
        [known, *_] = await told(product, name, "get_variables", variables=keys)
        assert known["value"] == "300"
        value = {"ref": keys[0], "value": "60"}
        [done] = await told(product, name, "set_variables", values=[value])
        assert done["status"] == "RebootRequired"
        assert await told(product, name, "data_transfer", vendor_id="x", data="ping") == "pong"
        await told(product, name, "reset", kind="OnIdle")
        assert station.asked[-1] == ("Reset", {"type": "Soft"})
        back = await station.call(call16.DataTransfer(vendor_id="org.example.none"))
        assert back.status == "UnknownVendorId"


@pytest.mark.parametrize(
    ("version", "base", "call", "result"),
    [
        ("2.0.1", ocpp.v201.ChargePoint, call201, result201),
        ("2.1", ocpp.v21.ChargePoint, call21, result21),
    ],
)
async def test_a_foreign_2_x_station_charges_and_obeys(
    product: Product, version: str, base: Any, call: Any, result: Any
) -> None:
    """The same in the words of 2.0.1 and 2.1, with a price and a message on the display."""
    name = f"FOREIGN{version.replace('.', '')}"
    token = {"id_token": f"F{name}", "type": "ISO14443"}
    async with foreign(product, station_of(base, result, ANSWERS_2), name, version) as station:
        boot = await station.call(
            call.BootNotification(
                charging_station={"model": "Wall", "vendor_name": "Elsewhere"}, reason="PowerUp"
            )
        )
        assert (boot.status, boot.interval > 0) == ("Accepted", True)
        assert (await station.call(call.Heartbeat())).current_time
        await station.call(
            call.StatusNotification(
                timestamp=product.at(), connector_status="Occupied", evse_id=1, connector_id=1
            )
        )
        price = {"currency": "EUR", "per_kwh": "0.40"}
        body = {"scope": "station", "scope_id": name, "price": price}
        assert (await product.api.post("/api/v1/prices", json=body)).status_code == 200
        product.leap(100)
        verdict = await station.call(call.Authorize(id_token=token))
        assert verdict.id_token_info["status"] == "Accepted"

        await told(product, name, "request_start", evse_id=1, token={"value": token["id_token"]})
        action, given = station.asked[-1]
        assert (action, given["id_token"]) == ("RequestStartTransaction", token)

        async def event(kind: str, number: int, wh: float, before_s: float, **more: Any) -> Any:
            at = product.at(-before_s)
            info = {"transaction_id": f"TX-{name}"} | more.pop("info", {})
            return await station.call(
                call.TransactionEvent(
                    event_type=kind,
                    timestamp=at,
                    trigger_reason=more.pop("reason", "MeterValuePeriodic"),
                    seq_no=number,
                    transaction_info=info,
                    meter_value=[{"timestamp": at, "sampled_value": [{"value": wh}]}],
                    **more,
                )
            )

        started = await event(
            "Started",
            0,
            1_000.0,
            60,
            reason="RemoteStart",
            info={"charging_state": "Charging", "remote_start_id": given["remote_start_id"]},
            evse={"id": 1, "connector_id": 1},
            id_token=token,
        )
        assert started.id_token_info["status"] == "Accepted"
        running = await event("Updated", 1, 1_500.0, 30)
        assert running.total_cost == 0.2
        row = await product.transaction(name)
        assert (row["state"], row["energy_wh"]) == ("open", 500.0)

        profile = {
            "profile_id": 5,
            "stack_level": 1,
            "purpose": "TxDefaultProfile",
            "kind": "Absolute",
            "unit": "A",
            "start": product.at(0),
            "periods": [{"start_s": 0, "limit": 8.1}],
        }
        await told(product, name, "set_profile", evse_id=1, profile=profile)
        [schedule] = station.asked[-1][1]["charging_profile"]["charging_schedule"]
        assert schedule["charging_schedule_period"][0]["limit"] == 8.1

        await told(product, name, "set_display_message", content="Welcome", priority="InFront")
        assert station.asked[-1][1]["message"]["message"]["content"] == "Welcome"

        await told(product, name, "request_stop", station_transaction_id=f"TX-{name}")
        ended = await event("Ended", 2, 2_500.0, 1, reason="RemoteStop", info={"stopped_reason": "Remote"})
        assert ended.total_cost == 0.6
        row = await product.transaction(name)
        assert (row["state"], row["energy_wh"], row["stop_reason"]) == ("ended", 1_500.0, "Remote")
        assert (row["missing"], row["cost"]["total"]) == (None, "0.60")

        refs = [{"component": "OCPPCommCtrlr", "variable": "HeartbeatInterval"}]
        [known] = await told(product, name, "get_variables", variables=refs)
        assert known["value"] == "300"
        [done] = await told(product, name, "set_variables", values=[{"ref": refs[0], "value": "60"}])
        assert done["status"] == "RebootRequired"
        assert await told(product, name, "data_transfer", vendor_id="x", data="ping") == "pong"
        await told(product, name, "reset", kind="Immediate")
        assert station.asked[-1] == ("Reset", {"type": "Immediate"})
        back = await station.call(call.DataTransfer(vendor_id="org.example.none"))
        assert back.status == "UnknownVendorId"
