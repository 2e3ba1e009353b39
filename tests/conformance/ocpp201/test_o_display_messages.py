"""Block O, display messages: set, asked for, replaced, cleared, and what is known of them afterwards.

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from ..charge import Charge, charging
from ..product import Product, wire_time

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"O{next(_names)}"


async def show(charge: Charge, status: str = "Accepted", **body: Any) -> dict[str, Any]:
    """Set a message as a person does; returns what the station was told."""
    charge.double.reactions["SetDisplayMessage"] = {"status": status}
    given = {"content": "Charging is free today"} | body
    outcome = await charge.product.command(charge.name, "set_display_message", **given)
    good = status == "Accepted"
    assert outcome.status_code == (200 if good else 502), outcome.text
    told = outcome.json() if good else outcome.json()["outcome"]
    assert told["status"] == status
    action, request = charge.double.heard[-1]
    assert action == "SetDisplayMessage"
    [deed, *_] = await charge.product.audit(charge.name)
    assert (deed["action"], deed["outcome"]) == (
        "set_display_message",
        "accepted" if good else "rejected",
    )
    message: dict[str, Any] = request["message"]
    return message


async def shown(charge: Charge) -> dict[int, dict[str, Any]]:
    """What the station's displays show, as the API tells it, by id."""
    views = await charge.product.get(f"/stations/{charge.name}/display-messages")
    return {view["message"]["message_id"]: view for view in views}


async def whole_second(product: Product, hours: float) -> str:
    """A time as the wire will have it."""
    return wire_time((product.now + timedelta(hours=hours)).replace(microsecond=0)).replace(".000", "")


# ---------------------------------------------------------------- set


@proves("O01.FR.04", "O02.FR.12")
async def test_TC_O_01_CSMS_set(product: Product, name: str, version: str) -> None:
    """Priority, state, format, language and text go out under an id of ours, and are known afterwards."""
    async with charging(product, name, version) as charge:
        message = await show(
            charge, priority="InFront", state="Idle", format="ASCII", language="en-US", content="Hello"
        )
        assert message == {
            "id": 1,
            "priority": "InFront",
            "state": "Idle",
            "message": {"format": "ASCII", "language": "en-US", "content": "Hello"},
        }
        assert (await show(charge))["id"] == 2
        known = await shown(charge)
        assert (list(known), known[1]["status"]) == ([1, 2], "accepted")
        assert known[1]["message"]["content"] == "Hello"


@proves("O01.FR.05")
async def test_TC_O_13_CSMS_set_from_a_time_on(product: Product, name: str, version: str) -> None:
    """A message that begins later carries its start."""
    async with charging(product, name, version) as charge:
        start = await whole_second(product, 1)
        message = await show(charge, start=start)
        assert (message["startDateTime"], "endDateTime" in message) == (start, False)


@proves("O01.FR.05")
async def test_TC_O_14_CSMS_set_until_a_time(product: Product, name: str, version: str) -> None:
    """A message that ends carries its end, and is not shown any more after it."""
    async with charging(product, name, version) as charge:
        end = await whole_second(product, 0.001)
        message = await show(charge, end=end)
        assert (message["endDateTime"], "startDateTime" in message) == (end, False)
        assert list(await shown(charge)) == [1]
        product.leap(60)
        assert await shown(charge) == {}


async def refused(product: Product, name: str, version: str, status: str, **body: Any) -> None:
    """A refusal is told with the station's word, and nothing is shown."""
    async with charging(product, name, version) as charge:
        message = await show(charge, status, **body)
        assert message["id"] == 1
        assert await shown(charge) == {}


@proves("O02.FR.03")
async def test_TC_O_17_CSMS_priority_not_supported(product: Product, name: str, version: str) -> None:
    """The station has no such priority."""
    await refused(product, name, version, "NotSupportedPriority", priority="AlwaysFront")


@proves("O02.FR.04")
async def test_TC_O_18_CSMS_state_not_supported(product: Product, name: str, version: str) -> None:
    """The station does not show messages in this state."""
    await refused(product, name, version, "NotSupportedState", state="Unavailable")


@proves("O02.FR.05")
async def test_TC_O_19_CSMS_format_not_supported(product: Product, name: str, version: str) -> None:
    """The station can't show this format."""
    await refused(product, name, version, "NotSupportedMessageFormat", format="HTML")


@proves("O02.FR.11")
async def test_TC_O_26_CSMS_rejected(product: Product, name: str, version: str) -> None:
    """The station has enough messages."""
    await refused(product, name, version, "Rejected", priority="NormalCycle")


@proves("O06.FR.01")
async def test_TC_O_12_CSMS_replace(product: Product, name: str, version: str) -> None:
    """A message with an id that is there takes its place with all its parameters."""
    async with charging(product, name, version) as charge:
        await show(charge, message_id=7, priority="InFront", state="Idle", content="Old")
        message = await show(charge, message_id=7, priority="NormalCycle", content="New")
        assert (message["id"], message["priority"], "state" in message) == (7, "NormalCycle", False)
        known = await shown(charge)
        assert (list(known), known[7]["message"]["content"]) == ([7], "New")
        assert known[7]["message"]["state"] is None


@proves("O02.FR.18")
async def test_TC_O_12_CSMS_replace_the_one_in_front(product: Product, name: str, version: str) -> None:
    """One message is always in front: a second one replaces it, whatever its id."""
    async with charging(product, name, version) as charge:
        await show(charge, priority="AlwaysFront", content="One")
        await show(charge, priority="NormalCycle", content="Other")
        await show(charge, priority="AlwaysFront", content="Two")
        assert [view["message"]["content"] for view in (await shown(charge)).values()] == ["Other", "Two"]


async def test_TC_O_01_CSMS_set_without_an_answer(product: Product, name: str, version: str) -> None:
    """A message that was sent without an answer may be there: pending, until the station tells."""
    async with charging(product, name, version) as charge:
        charge.double.silent.add("SetDisplayMessage")
        answer = await product.api.post(
            f"/api/v1/stations/{name}/ocpp/SetDisplayMessage",
            params={"timeout_s": 0.05},
            json={
                "message": {
                    "id": 3,
                    "priority": "NormalCycle",
                    "message": {"format": "UTF8", "content": "Perhaps"},
                }
            },
        )
        assert answer.status_code == 504
    assert (await product.get(f"/stations/{name}/display-messages"))[0]["status"] == "pending"


async def test_TC_O_18_CSMS_a_state_that_its_version_does_not_have(
    product: Product, name: str, version: str
) -> None:
    """2.1 has more states and formats than 2.0.1: nothing is sent that can't be said."""
    async with charging(product, name, version) as charge:
        charge.double.reactions["SetDisplayMessage"] = {"status": "Accepted"}
        for more in ({"state": "Discharging"}, {"format": "QRCODE"}):
            body = {"content": "https://example.org"} | more
            answer = await product.command(name, "set_display_message", **body)
            assert answer.status_code == (200 if version == "2.1" else 501), answer.text
        assert len(charge.double.heard) == (2 if version == "2.1" else 0)


@proves("O03.FR.02")
async def test_TC_O_02_CSMS_more_messages_than_a_display_can_have(
    product: Product, name: str, version: str
) -> None:
    """A station that tells without end is answered, and kept within bounds."""
    async with charging(product, name, version) as charge:
        for part in range(12):
            ids = range(part * 200, part * 200 + 200)
            await tell(charge, {"requestId": part}, *ids, more=True)
        known = await shown(charge)
        assert 200 <= len(known) <= 1_000
        assert (await show(charge, message_id=5, content="Still mine"))["id"] == 5
        assert (await shown(charge))[5]["message"]["content"] == "Still mine"


# ---------------------------------------------------------------- of a transaction


@proves("O02.FR.02")
async def test_TC_O_06_CSMS_set_for_a_transaction(product: Product, name: str, version: str) -> None:
    """A message of a transaction names it, and goes with its end."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        message = await show(charge, station_transaction_id=charge.wire_id, priority="InFront")
        assert (message["transactionId"], message["priority"]) == (charge.wire_id, "InFront")
        await show(charge, content="Welcome")
        await charge.ev_disconnected()
        assert list(await shown(charge)) == [2]


@proves("O02.FR.01")
async def test_TC_O_10_CSMS_set_for_an_unknown_transaction(product: Product, name: str, version: str) -> None:
    """The station does not know the transaction, and the person hears so."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        message = await show(charge, "UnknownTransaction", station_transaction_id="NONE-1")
        assert message["transactionId"] == "NONE-1"
        assert await shown(charge) == {}


@proves("O02.FR.06")
async def test_TC_O_27_CSMS_set_for_a_transaction_from_a_time_on(
    product: Product, name: str, version: str
) -> None:
    """Transaction and start go out together."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        start = await whole_second(product, 0.5)
        message = await show(charge, start=start, station_transaction_id=charge.wire_id)
        assert (message["transactionId"], message["startDateTime"]) == (charge.wire_id, start)


@proves("O02.FR.07")
async def test_TC_O_28_CSMS_set_for_a_transaction_until_a_time(
    product: Product, name: str, version: str
) -> None:
    """Transaction, state, priority and end go out together."""
    async with charging(product, name, version) as charge:
        await charge.energy_transfer()
        end = await whole_second(product, 0.5)
        more = {"priority": "InFront", "state": "Charging", "end": end}
        message = await show(charge, station_transaction_id=charge.wire_id, **more)
        assert (message["transactionId"], message["endDateTime"]) == (charge.wire_id, end)
        assert (message["priority"], message["state"]) == ("InFront", "Charging")


# ---------------------------------------------------------------- asked for


async def ask(charge: Charge, status: str = "Accepted", **body: Any) -> dict[str, Any]:
    """Ask for messages as a person does; returns the request."""
    charge.double.reactions["GetDisplayMessages"] = {"status": status}
    outcome = await charge.product.command(charge.name, "get_display_messages", **body)
    assert (outcome.status_code, outcome.json()["status"]) == (200, status)
    action, request = charge.double.heard[-1]
    assert action == "GetDisplayMessages"
    return request


async def tell(charge: Charge, request: dict[str, Any], *ids: int, more: bool = False) -> None:
    """A part of the station's list."""
    messages = [
        {
            "id": number,
            "priority": "NormalCycle",
            "message": {"format": "UTF8", "content": f"Message {number}"},
        }
        for number in ids
    ]
    part: dict[str, Any] = {"requestId": request["requestId"], "messageInfo": messages}
    if more:
        part["tbc"] = True
    assert await charge.double.call("NotifyDisplayMessages", part) == {}


@proves("O03.FR.02", "O03.FR.03", "O03.FR.04", "O03.FR.05")
async def test_TC_O_02_CSMS_get_all(product: Product, name: str, version: str) -> None:
    """A whole list in two parts takes the place of what was known, when its last part has come."""
    async with charging(product, name, version) as charge:
        await show(charge, message_id=9, content="Forgotten by the station")
        request = await ask(charge)
        assert list(request) == ["requestId"]
        await tell(charge, request, 1, 2, more=True)
        assert list(await shown(charge)) == [1, 2, 9]
        await tell(charge, request, 3)
        known = await shown(charge)
        assert list(known) == [1, 2, 3]
        assert known[3]["message"]["content"] == "Message 3"
        assert (await ask(charge))["requestId"] != request["requestId"]


@proves("O03.FR.06")
async def test_TC_O_03_CSMS_get_all_of_none(product: Product, name: str, version: str) -> None:
    """A station without messages says Unknown: then none is known any more."""
    async with charging(product, name, version) as charge:
        await show(charge)
        assert list(await ask(charge, "Unknown")) == ["requestId"]
        assert await shown(charge) == {}


@proves("O04.FR.01", "O04.FR.03")
async def test_TC_O_07_CSMS_get_by_id(product: Product, name: str, version: str) -> None:
    """Asked for by id: what is told counts, what was asked for and is not there is gone, others stay."""
    async with charging(product, name, version) as charge:
        for _ in range(3):
            await show(charge)
        request = await ask(charge, message_ids=[1, 2])
        assert (request["id"], "priority" in request, "state" in request) == ([1, 2], False, False)
        await tell(charge, request, 2)
        assert list(await shown(charge)) == [2, 3]
        await ask(charge, "Unknown", message_ids=[3])
        assert list(await shown(charge)) == [2]


@proves("O04.FR.01", "O04.FR.03")
async def test_TC_O_08_CSMS_get_by_priority(product: Product, name: str, version: str) -> None:
    """Asked for by priority; a part of the list takes nothing away."""
    async with charging(product, name, version) as charge:
        await show(charge)
        request = await ask(charge, priority="InFront")
        assert (request["priority"], "id" in request, "state" in request) == ("InFront", False, False)
        await tell(charge, request, 5)
        assert list(await shown(charge)) == [1, 5]


@proves("O04.FR.01", "O04.FR.03")
async def test_TC_O_09_CSMS_get_by_state(product: Product, name: str, version: str) -> None:
    """Asked for by state; a part of the list takes nothing away."""
    async with charging(product, name, version) as charge:
        await show(charge)
        request = await ask(charge, state="Charging")
        assert (request["state"], "id" in request, "priority" in request) == ("Charging", False, False)
        await tell(charge, request, 5)
        assert list(await shown(charge)) == [1, 5]


@proves("O03.FR.02", "O03.FR.06")
async def test_TC_O_02_CSMS_get_all_as_a_raw_action(product: Product, name: str, version: str) -> None:
    """Whoever asks in the words of the protocol: the list that comes counts the same."""
    async with charging(product, name, version) as charge:
        await show(charge, message_id=9)
        charge.double.reactions["GetDisplayMessages"] = {"status": "Accepted"}
        request = {"requestId": 77}
        answer = await product.ocpp(name, "GetDisplayMessages", request)
        assert answer.json() == {"status": "Accepted"}
        await tell(charge, request, 1)
        assert list(await shown(charge)) == [1]
        charge.double.reactions["ClearDisplayMessage"] = {"status": "Accepted"}
        assert (await product.ocpp(name, "ClearDisplayMessage", {"id": 1})).status_code == 200
        assert await shown(charge) == {}


# ---------------------------------------------------------------- cleared


async def clear(charge: Charge, message_id: int, status: str) -> None:
    """Clear a message by the API's own path."""
    charge.double.reactions["ClearDisplayMessage"] = {"status": status}
    path = f"/api/v1/stations/{charge.name}/display-messages/{message_id}"
    answer = await charge.product.api.delete(path)
    assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert charge.double.heard[-1] == ("ClearDisplayMessage", {"id": message_id})
    [deed, *_] = await charge.product.audit(charge.name)
    assert deed["action"] == "clear_display_message"


@proves("O05.FR.01")
async def test_TC_O_04_CSMS_clear(product: Product, name: str, version: str) -> None:
    """A message that was set is cleared by its id, and is not known any more."""
    async with charging(product, name, version) as charge:
        message = await show(charge)
        await clear(charge, message["id"], "Accepted")
        assert await shown(charge) == {}


@proves("O05.FR.02")
async def test_TC_O_05_CSMS_clear_an_unknown_one(product: Product, name: str, version: str) -> None:
    """A station that never had the message says so; others stay."""
    async with charging(product, name, version) as charge:
        await show(charge)
        await clear(charge, 77, "Unknown")
        assert list(await shown(charge)) == [1]
