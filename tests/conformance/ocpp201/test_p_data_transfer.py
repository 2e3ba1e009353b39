"""Block P, data transfer and custom data.

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1.
"""

from __future__ import annotations

import itertools

import pytest

from ..charge import charging
from ..product import Product

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)
CUSTOM = {"customData": {"vendorId": "org.example", "colour": ["red", {"depth": 3}]}}


@pytest.fixture
def name() -> str:
    return f"P{next(_names)}"


@proves("P02.FR.06", "P02.FR.07")
async def test_TC_P_02_CSMS_unknown_vendor(product: Product, name: str, version: str) -> None:
    """A vendor that nobody serves is told so; it is no error."""
    async with charging(product, name, version) as charge:
        request = {"vendorId": "org.example.none", "messageId": "Hello", "data": {"a": 1}}
        answer = await charge.double.call("DataTransfer", request)
        assert answer == {"status": "UnknownVendorId"}


@proves("P01.FR.07")
async def test_TC_P_02_CSMS_to_the_station(product: Product, name: str, version: str) -> None:
    """Data for a station goes out as given, and its answer comes back whole."""
    async with charging(product, name, version) as charge:
        charge.double.reactions["DataTransfer"] = {"status": "Accepted", "data": {"done": [1, 2]}}
        outcome = await product.command(
            name, "data_transfer", vendor_id="org.example", message_id="Do", data={"b": 1, "a": [2]}
        )
        assert outcome.json()["data"] == {"done": [1, 2]}
        action, request = charge.double.heard[-1]
        assert (action, request["vendorId"], request["messageId"]) == ("DataTransfer", "org.example", "Do")
        charge.double.reactions["DataTransfer"] = {"status": "UnknownVendorId"}
        refused = await product.command(name, "data_transfer", vendor_id="org.example")
        assert (refused.status_code, refused.json()["outcome"]["status"]) == (502, "UnknownVendorId")


@proves()
async def test_TC_P_03_CSMS_custom_data(product: Product, name: str, version: str) -> None:
    """Members that only a vendor knows disturb nothing, at any depth."""
    async with charging(product, name, version) as charge:
        status = {
            "timestamp": charge.at(),
            "connectorStatus": "Available",
            "evseId": 1,
            "connectorId": 1,
        }
        assert await charge.double.call("StatusNotification", status | CUSTOM) == {}
        assert (
            await charge.event("CablePluggedIn", "EVConnected", info=CUSTOM, evse=charge.evse, **CUSTOM) == {}
        )
        assert (await charge.state(), await charge.connector()) == (("open", "EVConnected"), "Available")
