"""What breaks its schema a little is taken, counted and shown, over a real socket; what we send is faultless.

The judge of `double` sees each frame of ours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from .double import CallError
from .product import Product, running


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    async with running(tmp_path) as made:
        yield made


def values(at: str, *sampled: dict[str, Any]) -> dict[str, Any]:
    return {"timestamp": at, "sampledValue": list(sampled)}


async def start_16(product: Product, double: Any) -> int:
    answer = await double.call(
        "StartTransaction",
        {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": product.at(-60)},
    )
    return int(answer["transactionId"])


async def test_one_bad_sample_loses_only_itself(product: Product) -> None:
    async with product.station("CP1") as double:
        transaction_id = await start_16(product, double)
        for number in (1, 2):
            await double.call(
                "MeterValues",
                {
                    "connectorId": 1,
                    "transactionId": transaction_id,
                    "meterValue": [
                        values(
                            product.at(number),
                            {"value": str(1000 + 100 * number)},
                            {"value": "16.0", "measurand": "Current.Sideways"},
                            {"value": "3600", "measurand": "Power.Active.Import", "unit": "W"},
                        )
                    ],
                },
                faulty=True,
            )
        row = await product.transaction("CP1")
        assert row["energy_wh"] == 200.0
        power = await product.series(row["transaction_id"], "Power.Active.Import")
        assert [value for _, value in power] == [3600.0, 3600.0]
    [repair] = await product.get("/repairs", station_id="CP1")
    assert (repair["action"], repair["count"]) == ("MeterValues", 2)
    assert "Current.Sideways" in repair["newest"]
    assert "Current.Sideways" not in repair["kind"]
    assert await product.get("/repairs", station_id="CP2") == []
    assert await product.get("/quarantine") == []


async def test_an_errata_spelling_passes(product: Product) -> None:
    async with product.station("CP1") as double:
        transaction_id = await start_16(product, double)
        await double.call(
            "MeterValues",
            {
                "connectorId": 1,
                "transactionId": transaction_id,
                "meterValue": [
                    values(product.at(), {"value": "49.98", "measurand": "Frequency", "unit": "Hertz"})
                ],
            },
            faulty=True,
        )
        row = await product.transaction("CP1")
        [(_, hertz)] = await product.series(row["transaction_id"], "Frequency")
        assert hertz == 49.98


async def test_poison_is_answered_each_time_kept_once_and_the_station_works_on(product: Product) -> None:
    async with product.station("CP1") as double:
        transaction_id = await start_16(product, double)
        for _ in range(5):
            with pytest.raises(CallError) as refused:
                await double.call("StopTransaction", {"transactionId": {"no": "id"}}, faulty=True)
            assert refused.value.code in ("ProtocolError", "TypeConstraintViolation")
        await double.call(
            "StopTransaction",
            {"transactionId": transaction_id, "meterStop": 1500, "timestamp": product.at()},
        )
        assert (await product.transaction("CP1"))["energy_wh"] == 500.0
    [fault] = await product.get("/quarantine", station_id="CP1")
    assert (fault["action"], fault["count"]) == ("StopTransaction", 5)


async def test_an_answer_that_breaks_its_schema_a_little_is_used_and_counted(product: Product) -> None:
    async with product.station("CP1") as double:
        double.reactions["GetConfiguration"] = {
            "configurationKey": [{"key": "HeartbeatInterval", "readonly": 0, "value": 300}]
        }
        await double.call("Heartbeat", {})
        path = "/api/v1/stations/CP1/commands/get_variables"
        answer = await product.api.post(path, json={})
        assert answer.status_code == 200, answer.text
        [told] = answer.json()["data"]
        assert (told["value"], told["read_only"]) == ("300", False)
        assert double.own_faults
    found = await product.get("/repairs", station_id="CP1")
    assert {repair["action"] for repair in found} == {"GetConfiguration (answer)"}
    assert len(found) == 2
