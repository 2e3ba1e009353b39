"""Block C, authorization: tokens judged, groups, master passes, the cache (contract certificates apart).

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from ..charge import Charge, charging
from ..double import CallError
from ..product import Product, running

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)
MASTERS = "MASTERS"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """A node that takes no stranger and knows a group of master passes."""
    folder = tmp_path_factory.mktemp("product")
    async with running(folder, unknown_tokens="reject", master_pass_group=MASTERS) as product:
        yield product


@pytest.fixture
def name() -> str:
    return f"C{next(_names)}"


async def enter(product: Product, value: str, **more: Any) -> dict[str, str]:
    """A person enters a token; returns it as a station says it."""
    answer = await product.api.put(f"/api/v1/tokens/{value}", json={"value": value, **more})
    assert answer.status_code == 200, answer.text
    return {"idToken": value, "type": more.get("kind", "ISO14443")}


async def verdict(charge: Charge, token: dict[str, str]) -> dict[str, Any]:
    """What Authorize is answered."""
    answer = await charge.double.call("Authorize", {"idToken": token})
    return dict(answer["idTokenInfo"])


async def told(charge: Charge, trigger: str, token: dict[str, str], **more: Any) -> dict[str, Any]:
    """What a transaction's message with a token is answered."""
    answer = await charge.event(trigger, idToken=token, **more)
    return dict(answer["idTokenInfo"])


@proves("C01.FR.07", "C04.FR.01", "C06.FR.04")
@pytest.mark.parametrize("kind", ["ISO14443", "ISO15693", "KeyCode", "Local"])
async def test_TC_C_02_CSMS_nobody_entered_it(product: Product, name: str, version: str, kind: str) -> None:
    """Unknown or Invalid; a key code is Invalid."""
    async with charging(product, name, version) as charge:
        status = (await verdict(charge, {"idToken": f"STRANGER{name}", "type": kind}))["status"]
    assert status == ("Invalid" if kind == "KeyCode" else "Unknown")


@proves("C01.FR.07")
async def test_TC_C_06_CSMS_blocked(product: Product, name: str, version: str) -> None:
    """A token that is blocked here is Blocked there."""
    token = await enter(product, f"BLOCKED{name}", status="Blocked")
    async with charging(product, name, version) as charge:
        assert await verdict(charge, token) == {"status": "Blocked"}


@proves("C01.FR.07")
async def test_TC_C_07_CSMS_expired(product: Product, name: str, version: str) -> None:
    """A token is good until its time, and Expired from then on."""
    until = product.now + timedelta(hours=1)
    token = await enter(product, f"EXPIRES{name}", expires_at=until.isoformat())
    async with charging(product, name, version) as charge:
        assert (await verdict(charge, token))["status"] == "Accepted"
        product.leap(3_601)
        assert (await verdict(charge, token))["status"] == "Expired"


@proves("C12.FR.03")
async def test_TC_C_08_CSMS_cached_and_accepted(product: Product, name: str, version: str) -> None:
    """A token from the station's cache is judged in the transaction's answer."""
    token = await enter(product, f"GOOD{name}")
    async with charging(product, name, version) as charge:
        await charge.ev_connected()
        assert (await told(charge, "Authorized", token))["status"] == "Accepted"
        assert (await charge.row())["token"] == token["idToken"]


@proves("C12.FR.03")
async def test_TC_C_20_CSMS_cached_and_invalid(product: Product, name: str, version: str) -> None:
    """A token that the station remembers and nobody here knows is refused in the transaction's answer."""
    async with charging(product, name, version) as charge:
        await charge.ev_connected()
        token = {"idToken": f"GONE{name}", "type": "ISO14443"}
        assert (await told(charge, "Authorized", token))["status"] in ("Invalid", "Unknown")


async def clear(charge: Charge, answer: str) -> Any:
    charge.double.reactions["ClearCache"] = {"status": answer}
    outcome = await charge.product.command(charge.name, "clear_cache")
    assert charge.double.heard[-1] == ("ClearCache", {})
    [deed, *_] = await charge.product.audit(charge.name)
    return outcome, deed["action"], deed["outcome"]


@proves("C11.FR.01")
async def test_TC_C_37_CSMS_cache_cleared(product: Product, name: str, version: str) -> None:
    """A person lets a station forget; it does."""
    async with charging(product, name, version) as charge:
        outcome, *deed = await clear(charge, "Accepted")
    assert (outcome.status_code, outcome.json()["status"]) == (200, "Accepted")
    assert deed == ["clear_cache", "accepted"]


@proves("C11.FR.03")
async def test_TC_C_38_CSMS_cache_not_cleared(product: Product, name: str, version: str) -> None:
    """A refusal is told as one."""
    async with charging(product, name, version) as charge:
        outcome, *deed = await clear(charge, "Rejected")
    assert (outcome.status_code, outcome.json()["outcome"]["result"]) == (502, "rejected")
    assert deed == ["clear_cache", "rejected"]


async def pair(product: Product, name: str) -> tuple[dict[str, str], dict[str, str], dict[str, Any]]:
    """Two tokens of one group, and the verdict on each."""
    group = f"GROUP{name}"
    one = await enter(product, f"ONE{name}", group=group)
    other = await enter(product, f"OTHER{name}", group=group)
    return one, other, {"status": "Accepted", "groupIdToken": {"idToken": group, "type": "Central"}}


async def ended_by_the_other(charge: Charge, good: dict[str, Any], other: dict[str, str]) -> None:
    """The other token of the group stops the transaction."""
    assert await told(charge, "StopAuthorized", other) == good
    await charge.ev_connected_post()
    await charge.ev_disconnected()
    assert (await charge.state())[0] == "ended"


@proves("C01.FR.06", "C09.FR.09", "C09.FR.12")
async def test_TC_C_39_CSMS_stopped_by_the_group(product: Product, name: str, version: str) -> None:
    """Every answer names the group, so that the station knows who belongs together."""
    one, other, good = await pair(product, name)
    async with charging(product, name, version) as charge:
        await charge.ev_connected()
        assert await verdict(charge, other) == good
        assert await told(charge, "Authorized", one) == good
        await charge.energy_transfer()
        assert await verdict(charge, other) == good
        await ended_by_the_other(charge, good, other)
        assert (await charge.row())["token"] == one["idToken"]


@proves("C09.FR.12")
async def test_TC_C_40_CSMS_group_from_the_local_list(product: Product, name: str, version: str) -> None:
    """Both tokens are on the station's list: no Authorize, and the answers name the group."""
    one, other, good = await pair(product, name)
    async with charging(product, name, version) as charge:
        await charge.ev_connected()
        assert await told(charge, "Authorized", one) == good
        await charge.energy_transfer()
        await ended_by_the_other(charge, good, other)


@proves("C09.FR.09", "C09.FR.12")
async def test_TC_C_43_CSMS_group_not_on_the_local_list(product: Product, name: str, version: str) -> None:
    """The second token is invalid on the station's list, so it asks; here it is good."""
    one, other, good = await pair(product, name)
    async with charging(product, name, version) as charge:
        await charge.ev_connected()
        assert await told(charge, "Authorized", one) == good
        await charge.energy_transfer()
        assert await verdict(charge, other) == good
        await ended_by_the_other(charge, good, other)


async def two_charges(product: Product, charge: Charge) -> list[Charge]:
    """Charges on EVSE 1 and 2, each by its own good token."""
    both = []
    for evse_id in (1, 2):
        token = await enter(product, f"GOOD{charge.name}{evse_id}")
        one = Charge(product, charge.double, charge.name, evse_id, token["idToken"])
        await one.energy_transfer()
        both.append(one)
    return both


async def master(product: Product, name: str) -> tuple[dict[str, str], dict[str, Any]]:
    """A master pass, and the verdict on it."""
    token = await enter(product, f"MASTER{name}", group=MASTERS)
    return token, {"status": "Accepted", "groupIdToken": {"idToken": MASTERS, "type": "Central"}}


async def stopped(charge: Charge, token: dict[str, str]) -> dict[str, Any]:
    return await told(charge, "StopAuthorized", token, kind="Ended", stopped="MasterPass")


@proves("C16.FR.01", "C16.FR.03")
async def test_TC_C_47_CSMS_master_pass_stops_all(product: Product, name: str, version: str) -> None:
    """Shown, it is good and named by its group; it ends both transactions and can't begin one."""
    token, good = await master(product, name)
    async with charging(product, name, version) as charge:
        both = await two_charges(product, charge)
        assert await verdict(charge, token) == good
        for one in both:
            assert await stopped(one, token) == good
            row = await one.row()
            assert (row["state"], row["stop_reason"]) == ("ended", "MasterPass")
        assert (await told(charge, "Authorized", token))["status"] == "Invalid"


@proves("C16.FR.01")
async def test_TC_C_48_CSMS_master_pass_stops_one(product: Product, name: str, version: str) -> None:
    """One of two transactions is chosen at the station; the other goes on."""
    token, good = await master(product, name)
    async with charging(product, name, version) as charge:
        first, second = await two_charges(product, charge)
        assert await verdict(charge, token) == good
        assert await stopped(first, token) == good
        assert (await first.state())[0] == "ended"
        assert await second.state() == ("open", "Charging")


@proves("C16.FR.02")
async def test_TC_C_49_CSMS_master_pass_without_a_screen(product: Product, name: str, version: str) -> None:
    """The station ends all at once and names each transaction's own token."""
    token, good = await master(product, name)
    async with charging(product, name, version) as charge:
        both = await two_charges(product, charge)
        assert await verdict(charge, token) == good
        for one in both:
            assert await stopped(one, one.token) == {"status": "Accepted"}
            assert (await one.row())["stop_reason"] == "MasterPass"


@proves("C02.FR.02")
async def test_a_start_by_a_button_is_accepted(product: Product, name: str, version: str) -> None:
    """NoAuthorization: there is no token to judge, and the answer says Accepted."""
    async with charging(product, name, version) as charge:
        nobody = {"idToken": "", "type": "NoAuthorization"}
        assert await told(charge, "Authorized", nobody, evse=charge.evse) == {"status": "Accepted"}
        assert (await charge.row())["token"] is None


@proves("C01.FR.20", "C01.FR.22", "C10.FR.13")
async def test_the_verdict_says_where_and_to_whom(product: Product, name: str, version: str) -> None:
    """EVSEs, priority, language and message go along; elsewhere the token is not good."""
    token = await enter(
        product,
        f"FULL{name}",
        allowed=[{"station_id": name, "evse_ids": [2]}],
        priority=3,
        language="de",
        message="Guten Morgen",
    )
    async with charging(product, name, version) as charge:
        assert await verdict(charge, token) == {
            "status": "Accepted",
            "chargingPriority": 3,
            "evseId": [2],
            "language1": "de",
            "personalMessage": {"format": "UTF8", "language": "de", "content": "Guten Morgen"},
        }
        assert (await told(charge, "Authorized", token, evse=charge.evse))["status"] == "NotAtThisLocation"
    async with charging(product, f"{name}X", version) as charge:
        assert (await verdict(charge, token))["status"] == "NotAtThisLocation"


@proves("C04.FR.04")
async def test_a_key_code_is_in_no_log(product: Product, name: str, version: str) -> None:
    """It is judged; neither the message log nor the audit nor the quarantine shows it."""
    code = f"{name}-83617"
    token = await enter(product, code, kind="KeyCode")
    async with charging(product, name, version) as charge:
        assert (await verdict(charge, token))["status"] == "Accepted"
        start = {"evse_id": 1, "token": {"value": code, "kind": "KeyCode"}}
        charge.double.reactions["RequestStartTransaction"] = {"status": "Accepted"}
        assert (await product.command(name, "request_start", **start)).status_code == 200
        charge.double.reactions["ReserveNow"] = {"status": "Accepted"}
        raw = {"id": 800_000 + int(name[1:]), "expiryDateTime": product.at(60), "idToken": token}
        assert (await product.ocpp(name, "ReserveNow", raw)).status_code == 200
        with pytest.raises(CallError):
            await charge.double.call("TransactionEvent", {"idToken": token}, faulty=True)
    assert code not in str(await product.audit(name))
    fault = await product.until(lambda found: found, "/quarantine", station_id=name)
    assert code not in str(fault)
    log = await product.until(lambda page: "KeyCode" in str(page), "/messages", station_id=name)
    assert code not in str(log)


async def test_a_token_made_for_a_remote_start_is_good_until_its_end(
    product: Product, name: str, version: str
) -> None:
    """Nobody entered it; it began a charge from here, and hours later it may end it."""
    token = {"idToken": f"APP-{name}", "type": "Central"}
    async with charging(product, name, version, token=token["idToken"]) as charge:
        charge.double.reactions["RequestStartTransaction"] = {"status": "Accepted"}
        start = {"evse_id": 1, "token": {"value": token["idToken"], "kind": "Central"}}
        assert (await product.command(name, "request_start", **start)).status_code == 200
        remote = charge.double.heard[-1][1]["remoteStartId"]
        info = {"remoteStartId": remote}
        told_first = await told(charge, "RemoteStart", token, evse=charge.evse, info=info)
        assert told_first["status"] == "Accepted"
        product.leap(7_200)
        assert (await told(charge, "StopAuthorized", token))["status"] == "Accepted"
        await charge.ev_disconnected()
        product.leap(7_200)
        assert (await verdict(charge, token))["status"] == "Unknown"
