"""Block J, meter values: clock-aligned and sampled, in and outside of transactions, signed or not.

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
    "signedMeterData": "T0NNRnx7InYiOjF9",
    "signingMethod": "ECDSA-secp256r1-SHA256",
    "encodingMethod": "OCMF",
    "publicKey": "MFkwEwYHKoZIzj0C",
}
REGISTER = "Energy.Active.Import.Register"


@pytest.fixture
def name() -> str:
    return f"J{next(_names)}"


def sampled(at: str, context: str, *values: tuple[str, float, str], signed: bool = False) -> dict[str, Any]:
    """A meter value of (measurand, value, unit)."""
    more = {"signedMeterValue": SIGNED} if signed else {}
    return {
        "timestamp": at,
        "sampledValue": [
            {"measurand": measurand, "value": value, "context": context, "unitOfMeasure": {"unit": unit}}
            | more
            for measurand, value, unit in values
        ],
    }


async def registers(charge: Charge, count: int) -> list[float]:
    """The transaction's registers as kept."""
    row = await charge.row()
    said = await charge.product.until(
        lambda view: view["lines"] and len(view["lines"][0]["value"]) >= count,
        f"/transactions/{row['transaction_id']}/series",
        measurand=REGISTER,
    )
    return list(said["lines"][0]["value"])


async def aligned_outside(charge: Charge, evse_id: int, voltages: list[float]) -> None:
    """Clock-aligned values of an EVSE (0: the station's main meter) that has no transaction."""
    for voltage in voltages:
        value = sampled(charge.at(), "Sample.Clock", ("Voltage", voltage, "V"))
        request = {"evseId": evse_id, "meterValue": [value]}
        assert await charge.double.call("MeterValues", request) == {}
    await charge.product.until(
        lambda said: [line["value"] for line in said["lines"]] == [voltages],
        f"/evses/{charge.name}/{evse_id}/series",
        measurand="Voltage",
        resolution="raw",
    )


@proves("J01.FR.18")
async def test_TC_J_01_CSMS_aligned_without_a_transaction(product: Product, name: str, version: str) -> None:
    """Three rounds of values of the station and of each EVSE are acknowledged and kept by EVSE."""
    async with charging(product, name, version) as charge:
        await aligned_outside(charge, 0, [228.0, 229.0, 230.0])
        await aligned_outside(charge, 1, [231.0, 232.0, 233.0])
        await aligned_outside(charge, 2, [234.0, 235.0, 236.0])


@proves("J01.FR.18")
async def test_TC_J_02_CSMS_aligned_with_a_transaction(product: Product, name: str, version: str) -> None:
    """Idle EVSEs tell by MeterValues, the one that charges by its transaction: each is kept as its own."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        await aligned_outside(charge, 0, [228.0])
        await aligned_outside(charge, 2, [229.0])
        for register_wh in (1_100.0, 1_200.0, 1_300.0):
            value = sampled(charge.at(), "Sample.Clock", (REGISTER, register_wh, "Wh"))
            assert await charge.event("MeterValueClock", meterValue=[value]) == {}
        assert (await registers(charge, 4))[-3:] == [1_100.0, 1_200.0, 1_300.0]
        assert (await charge.row())["energy_wh"] == 300.0


async def ended_with(charge: Charge, context: str, *, signed: bool = False) -> None:
    """The end of a charge tells all of its values at once; the last one is final."""
    await charge.energy_transfer()
    await charge.stop_authorized()
    values = [
        sampled(charge.at(), context, (REGISTER, register_wh, "Wh"), signed=signed)
        for register_wh in (1_200.0, 1_400.0)
    ]
    values.append(sampled(charge.at(), "Transaction.End", (REGISTER, 1_650.0, "Wh"), signed=signed))
    await charge.ev_disconnected(meterValue=values)
    row = await charge.row()
    assert (row["state"], row["register_last_wh"], row["energy_wh"]) == ("ended", 1_650.0, 650.0)
    assert {1_200.0, 1_400.0, 1_650.0} <= set(await registers(charge, 4))


@proves("J01.FR.18")
async def test_TC_J_03_CSMS_aligned_at_the_end(product: Product, name: str, version: str) -> None:
    """Clock-aligned values that come with the end are kept; the end's own register counts."""
    async with charging(product, name, version) as charge:
        await ended_with(charge, "Sample.Clock")


@proves("J01.FR.21")
async def test_TC_J_04_CSMS_aligned_and_signed(product: Product, name: str, version: str) -> None:
    """Signed clock-aligned values count like others, and the signed text is kept as it came."""
    async with charging(product, name, version) as charge:
        await ended_with(charge, "Sample.Clock", signed=True)
        await signed_text_is_kept(charge)


async def signed_text_is_kept(charge: Charge) -> None:
    """What the meter signed is in the raw log, which is what a driver may have checked."""
    await charge.product.until(
        lambda said: any(SIGNED["signedMeterData"] in item["frame"] for item in said["items"]),
        f"/stations/{charge.name}/messages",
        action="TransactionEvent",
    )


@proves("J02.FR.19")
async def test_TC_J_07_CSMS_sampled_at_the_start(product: Product, name: str, version: str) -> None:
    """The register of the start is the transaction's start register."""
    async with charging(product, name, version) as charge:
        await charge.ev_connected(meterValue=charge.values("Transaction.Begin"))
        row = await charge.row()
        assert (row["register_start_wh"], row["energy_wh"], row["evse_id"]) == (1_000.0, 0.0, 1)


@proves("J02.FR.19")
async def test_TC_J_08_CSMS_sampled_before_the_evse_is_known(
    product: Product, name: str, version: str
) -> None:
    """A start without an EVSE has no meter; the begin values of a later message are its start register."""
    async with charging(product, name, version) as charge:
        assert await charge.authorize() == "Accepted"
        await charge.event("Authorized", idToken=charge.token)
        assert (await charge.row())["register_start_wh"] is None
        await charge.ev_connected(meterValue=charge.values("Transaction.Begin"))
        row = await charge.row()
        assert (row["evse_id"], row["register_start_wh"]) == (1, 1_000.0)
        charge.register_wh += 400
        await charge.event("ChargingStateChanged", "Charging", meterValue=charge.values())
        assert (await charge.row())["energy_wh"] == 400.0


@proves("J02.FR.19")
async def test_TC_J_09_CSMS_sampled_during_a_transaction(product: Product, name: str, version: str) -> None:
    """Three periodic values are acknowledged, kept and counted."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        for _ in range(3):
            charge.register_wh += 100
            assert await charge.event("MeterValuePeriodic", meterValue=charge.values()) == {}
        assert (await charge.row())["energy_wh"] == 300.0
        assert (await registers(charge, 4))[-3:] == [1_100.0, 1_200.0, 1_300.0]


@proves("J02.FR.19")
async def test_TC_J_10_CSMS_sampled_at_the_end(product: Product, name: str, version: str) -> None:
    """Periodic values that come with the end are kept; the end's own register counts."""
    async with charging(product, name, version) as charge:
        await ended_with(charge, "Sample.Periodic")


@proves("J02.FR.21")
async def test_TC_J_11_CSMS_sampled_and_signed(product: Product, name: str, version: str) -> None:
    """Signed periodic values count like others, and the signed text is kept as it came."""
    async with charging(product, name, version) as charge:
        await ended_with(charge, "Sample.Periodic", signed=True)
        await signed_text_is_kept(charge)
