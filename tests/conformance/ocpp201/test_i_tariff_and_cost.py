"""Block I, tariff and cost: what a driver is told before, during and after a charge.

Part 6 has no cases of this block for the CSMS; these are its requirements, shown in 2.0.1 and 2.1.
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
    return f"I{next(_names)}"


async def price(product: Product, scope: str, scope_id: str, **terms: str) -> None:
    """Set a price a while before the charge of the test begins."""
    given = {"currency": "EUR"} | terms if terms else None
    body = {"scope": scope, "scope_id": scope_id, "price": given}
    answer = await product.api.post("/api/v1/prices", json=body)
    assert answer.status_code == 200, answer.text
    product.leap(1_000)  # charges of these tests begin 900 s before now


async def can(charge: Charge, component: str, instance: str | None) -> None:
    """The station says that it shows tariffs, costs or messages."""
    variable = {"name": "Available"} | ({} if instance is None else {"instance": instance})
    charge.double.reactions["GetVariables"] = {
        "getVariableResult": [
            {
                "attributeStatus": "Accepted",
                "attributeValue": "true",
                "component": {"name": component},
                "variable": variable,
            }
        ]
    }
    ref: dict[str, Any] = {"component": component, "variable": "Available"}
    ref |= {} if instance is None else {"variable_instance": instance}
    answer = await charge.product.command(charge.name, "get_variables", variables=[ref])
    assert answer.status_code == 200, answer.text


async def metered(charge: Charge, energy_wh: float = 0.0, **more: Any) -> dict[str, Any]:
    """An Updated with the register, the energy later."""
    charge.register_wh += energy_wh
    return await charge.event("MeterValuePeriodic", "Charging", meterValue=charge.values(), **more)


# ---------------------------------------------------------------- before: the tariff


@pytest.mark.parametrize(
    ("component", "instance"), [("TariffCostCtrlr", "Tariff"), ("DisplayMessageCtrlr", None)]
)
@proves("I01.FR.01", "I01.FR.02")
async def test_a_driver_reads_the_own_price_when_the_token_is_good(
    product: Product, name: str, version: str, component: str, instance: str | None
) -> None:
    """The price's text is the personal message of a good token, at a station that can show it."""
    async with charging(product, name, version) as charge:
        text = "0.39 EUR/kWh for members"
        await price(product, "token", f"cafe-{name}", per_kwh="0.39", text=text, language="en-GB")
        answer = await charge.double.call("Authorize", {"idToken": charge.token})
        assert "personalMessage" not in answer["idTokenInfo"]  # not known yet to show any
        await can(charge, component, instance)
        answer = await charge.double.call("Authorize", {"idToken": charge.token})
        message = {"format": "UTF8", "language": "en-GB", "content": text}
        assert answer["idTokenInfo"]["personalMessage"] == message
        await price(product, "token", f"cafe-{name}")  # taken back
        answer = await charge.double.call("Authorize", {"idToken": charge.token})
        assert "personalMessage" not in answer["idTokenInfo"]


@proves("I06.FR.01", "I06.FR.02")
async def test_a_driver_reads_the_price_of_the_evse_when_it_is_known(
    product: Product, name: str, version: str
) -> None:
    """The car stands at an EVSE with a price of its own: its text comes with the answer that follows."""
    async with charging(product, name, version) as charge:
        await can(charge, "TariffCostCtrlr", "Tariff")
        await price(product, "station", name, per_kwh="0.40", text="40 ct")
        await price(product, "evse", f"{name}/1", per_kwh="0.60", text="60 ct, fast")
        answer = await charge.event("Authorized", idToken=charge.token)
        assert answer["idTokenInfo"]["personalMessage"]["content"] == "40 ct"
        answer = await charge.ev_connected()
        assert answer["updatedPersonalMessage"]["content"] == "60 ct, fast"
        assert "updatedPersonalMessage" not in await metered(charge)


# ---------------------------------------------------------------- during: the running cost


@proves("I02.FR.01")
async def test_the_running_cost_comes_with_the_answers_but_not_with_each(
    product: Product, name: str, version: str
) -> None:
    """Energy and time are counted, once a minute the cost is told."""
    async with charging(product, name, version) as charge:
        await price(product, "station", name, per_kwh="0.39")
        await charge.ev_connected(meterValue=charge.values("Transaction.Begin"))
        assert (await metered(charge, 1_000))["totalCost"] == 0.39
        assert await metered(charge, 500) == {}
        product.leap(61)
        assert (await metered(charge, 500))["totalCost"] == 0.78
        assert (await charge.row())["cost"] == {
            "currency": "EUR",
            "energy": "0.78",
            "time": "0.00",
            "total": "0.78",
        }


@proves("I02.FR.01", "I02.FR.04")
async def test_a_station_that_shows_costs_is_told_them_without_asking(
    product: Product, name: str, version: str
) -> None:
    """Nothing is told for five minutes: then the cost of the minutes comes by itself, exact to the coin."""
    async with charging(product, name, version) as charge:
        charge.double.reactions["CostUpdated"] = {}
        await can(charge, "TariffCostCtrlr", "Cost")
        await price(product, "station", name, per_minute="0.07")
        await charge.ev_connected()
        costs = []
        while len(costs) < 2:  # a minute at a time: the node looks once in each
            product.leap(60)
            await charge.double.call("Heartbeat", {})
            told = [payload for action, payload in charge.double.heard if action == "CostUpdated"]
            costs = [round(payload["totalCost"] * 100) for payload in told]
            assert {payload["transactionId"] for payload in told} <= {charge.wire_id}
        # It began 15 min ago; then every 5 minutes 35 ct more.
        assert 100 <= costs[0] <= 135
        assert 35 <= costs[1] - costs[0] <= 50
        await charge.ev_disconnected()


@proves("I02.FR.01")
async def test_a_person_tells_a_station_the_cost(product: Product, name: str, version: str) -> None:
    """The command goes out as a number, and is in the audit."""
    async with charging(product, name, version) as charge:
        charge.double.reactions["CostUpdated"] = {}
        body = {"station_transaction_id": "T1", "total_cost": "12.30"}
        answer = await product.command(name, "cost_updated", **body)
        assert answer.status_code == 200, answer.text
        assert charge.double.heard[-1] == ("CostUpdated", {"totalCost": 12.3, "transactionId": "T1"})
        [deed] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("cost_updated", "accepted")


# ---------------------------------------------------------------- after: the final cost


@proves("I03.FR.02")
async def test_the_end_tells_what_it_cost_and_tells_it_again_when_repeated(
    product: Product, name: str, version: str
) -> None:
    """Energy and minutes of the transaction; the price of its start holds, though it was raised since."""
    async with charging(product, name, version) as charge:
        await price(product, "station", name, per_kwh="0.39", per_minute="0.10")
        await charge.ev_connected(meterValue=charge.values("Transaction.Begin"))
        raised = {"scope": "station", "scope_id": name, "price": {"currency": "EUR", "per_kwh": "9"}}
        assert (await product.api.post("/api/v1/prices", json=raised)).status_code == 200
        charge.register_wh += 9_500
        end = {
            "eventType": "Ended",
            "triggerReason": "EVCommunicationLost",
            "timestamp": product.at(-897 + 600),
            "seqNo": charge.seq_no,
            "transactionInfo": {"transactionId": charge.wire_id, "stoppedReason": "EVDisconnected"},
            "meterValue": charge.values("Transaction.End"),
        }
        row = await charge.row()
        answer = await charge.double.call("TransactionEvent", end)
        assert await charge.double.call("TransactionEvent", end) == answer
        cost = (await charge.row())["cost"]
        assert cost["energy"] == "3.71"  # 3.705, half up
        assert f"{answer['totalCost']:.2f}" == cost["total"]
        assert 0.99 <= float(cost["time"]) <= 1.01
        assert row["cost"]["currency"] == "EUR"


@proves("I03.FR.04")
async def test_free_is_told_as_nothing_and_unknown_is_not_told(
    product: Product, name: str, version: str
) -> None:
    """A price of 0 costs 0.00. Without a price, or without a register, nobody knows the cost."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        assert "totalCost" not in await charge.ev_disconnected()
        assert (await charge.row())["cost"] is None

        await price(product, "station", name, per_kwh="0.00")
        charge.anew()
        charge.product.leap(1_000)
        await charge.energy_transfer()
        assert (await charge.ev_disconnected())["totalCost"] == 0

        await price(product, "station", name, per_kwh="0.50")
        charge.anew()
        await charge.event("CablePluggedIn", "EVConnected", evse=charge.evse)
        answer = await charge.event("EVCommunicationLost", kind="Ended", stopped="EVDisconnected")
        assert "totalCost" not in answer
        assert (await charge.row())["cost"] is None


async def test_prices_are_kept_and_what_is_wrong_with_one_is_said(
    product: Product, name: str, version: str
) -> None:
    """The history has who set what; nothing is set for the past, for nobody, or in no currency."""
    async with charging(product, name, version):
        await price(product, "evse", f"{name}/2", per_kwh="0.1234", per_minute="0.5")
        await price(product, "evse", f"{name}/2")
        mine = [view for view in await product.get("/prices") if view["scope_id"] == f"{name}/2"]
        assert [view["price"] and view["price"]["per_kwh"] for view in mine] == ["0.1234", None]
        [first, _] = mine
        assert (first["price"]["per_minute"], first["price"]["currency"]) == ("0.5", "EUR")
        good = {"currency": "EUR", "per_kwh": "1"}
        for wrong in (
            {"scope": "all", "scope_id": "x", "price": good},
            {"scope": "evse", "scope_id": name, "price": good},
            {"scope": "evse", "scope_id": f"{name}/0", "price": good},
            {"scope": "token", "price": good},
            {"scope": "station", "scope_id": name, "price": good, "valid_from": product.at(-60)},
            {"scope": "station", "scope_id": name, "price": good | {"per_kwh": "-1"}},
            {"scope": "station", "scope_id": name, "price": good | {"per_kwh": "1e3"}},
            {"scope": "station", "scope_id": name, "price": good | {"currency": "Euro"}},
        ):
            answer = await product.api.post("/api/v1/prices", json=wrong)
            assert answer.status_code in (400, 422), wrong
        unknown = {"scope": "station", "scope_id": "NOBODY", "price": good}
        assert (await product.api.post("/api/v1/prices", json=unknown)).status_code == 404
