"""Authorization in 1.6: tokens judged, what was told while offline, parents, the cache.

Each function is a test case of the central system.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from ..double import Double
from ..product import Product, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
proves = pytest.mark.proves
_names = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """A node that takes no stranger and knows a group of master passes."""
    folder = tmp_path_factory.mktemp("product")
    async with running(folder, unknown_tokens="reject", master_pass_group="MASTERS") as product:
        yield product


@pytest.fixture
def name() -> str:
    return f"CP16-A{next(_names)}"


async def enter(product: Product, value: str, **more: Any) -> str:
    """A person enters a token."""
    answer = await product.api.put(f"/api/v1/tokens/{value}", json={"value": value, **more})
    assert answer.status_code == 200, answer.text
    return value


async def verdict(double: Double, tag: str) -> dict[str, Any]:
    """What Authorize is answered."""
    return dict((await double.call("Authorize", {"idTag": tag}))["idTagInfo"])


async def start(
    product: Product, double: Double, tag: str, ago_s: float = 60.0
) -> tuple[int, dict[str, Any]]:
    """StartTransaction; returns its number and the verdict."""
    told = {"connectorId": 1, "idTag": tag, "meterStart": 1_000, "timestamp": product.at(-ago_s)}
    answer = await double.call("StartTransaction", told)
    assert answer["transactionId"] > 0
    return answer["transactionId"], answer["idTagInfo"]


async def stop(
    product: Product, double: Double, number: int, ago_s: float = 0.0, **more: Any
) -> dict[str, Any]:
    """StopTransaction."""
    told = {"transactionId": number, "meterStop": 1_500, "timestamp": product.at(-ago_s)}
    return await double.call("StopTransaction", told | more)


@proves("1.6 4.8", "1.6 3.4.1")
async def test_TC_007_CSMS_cached_token(product: Product, name: str) -> None:
    """No Authorize: the start itself is judged, and the verdict is for the cache."""
    tag = await enter(product, f"T{name}")
    async with product.station(name) as double:
        number, info = await start(product, double, tag)
        assert info == {"status": "Accepted"}
        await stop(product, double, number, idTag=tag)
    row = await product.transaction(name)
    assert (row["token"], row["state"], row["energy_wh"]) == (tag, "ended", 500.0)


@proves("1.6 4.1", "1.6 7.3")
async def test_TC_023_1_CSMS_invalid_token(product: Product, name: str) -> None:
    """Nobody entered it: Invalid; and so is one that is entered as that."""
    bad = await enter(product, f"B{name}", status="Invalid")
    async with product.station(name) as double:
        assert await verdict(double, f"X{name}") == {"status": "Invalid"}
        assert await verdict(double, bad) == {"status": "Invalid"}


@proves("1.6 4.1", "1.6 7.3")
async def test_TC_023_2_CSMS_expired_token(product: Product, name: str) -> None:
    """Good until its time, which the station is told; Expired from then on."""
    until = product.now + timedelta(hours=1)
    tag = await enter(product, f"T{name}", expires_at=until.isoformat())
    async with product.station(name) as double:
        info = await verdict(double, tag)
        assert info["status"] == "Accepted"
        assert info["expiryDate"].startswith(until.strftime("%Y-%m-%dT%H:%M:%S"))
        product.leap(3_601)
        assert (await verdict(double, tag))["status"] == "Expired"


@proves("1.6 4.1", "1.6 7.3")
async def test_TC_023_3_CSMS_blocked_token(product: Product, name: str) -> None:
    """A token that is blocked here is Blocked there, in whatever case it is written."""
    tag = await enter(product, f"T{name}", status="Blocked")
    async with product.station(name) as double:
        assert await verdict(double, tag.lower()) == {"status": "Blocked"}


@proves("1.6 3.4.2", "1.6 4.8")
async def test_TC_037_1_CSMS_offline_start_with_a_good_token(product: Product, name: str) -> None:
    """Told an hour later: the transaction has its own times, and the verdict is Accepted."""
    tag = await enter(product, f"T{name}")
    async with product.station(name) as double:
        began = product.now - timedelta(hours=1)
        number, info = await start(product, double, tag, ago_s=3_600)
        assert info == {"status": "Accepted"}
    row = await product.transaction(name)
    assert (row["station_transaction_id"], row["state"]) == (str(number), "open")
    assert row["started_at"].startswith(began.strftime("%Y-%m-%dT%H:%M"))


@proves("1.6 3.4.2", "1.6 4.8")
async def test_TC_037_3_CSMS_offline_start_with_a_bad_token(product: Product, name: str) -> None:
    """Told late, with a token that nobody knows: Invalid; what was charged is kept all the same."""
    async with product.station(name) as double:
        number, info = await start(product, double, f"X{name}", ago_s=3_600)
        assert info == {"status": "Invalid"}
        await stop(product, double, number, reason="DeAuthorized")
    row = await product.transaction(name)
    assert (row["state"], row["stop_reason"], row["energy_wh"]) == ("ended", "DeAuthorized", 500.0)


@proves("1.6 3.4.2", "1.6 4.8", "1.6 4.10")
async def test_TC_039_CSMS_offline_transaction(product: Product, name: str) -> None:
    """Start and stop are told hours after they happened: one transaction, with the station's times."""
    tag = await enter(product, f"T{name}")
    async with product.station(name) as double:
        number, info = await start(product, double, tag, ago_s=7_200)
        assert info == {"status": "Accepted"}
        answer = await stop(product, double, number, ago_s=3_600, idTag=tag)
        assert answer["idTagInfo"] == {"status": "Accepted"}
    row = await product.transaction(name)
    assert (row["state"], row["energy_wh"]) == ("ended", 500.0)
    assert row["ended_at"] < product.at(-3_000)


@proves("1.6 5.4")
@pytest.mark.parametrize(("answer", "code"), [("Accepted", 200), ("Rejected", 502)])
async def test_TC_061_CSMS_clear_cache(product: Product, name: str, answer: str, code: int) -> None:
    """A person lets a station forget; its word is told and in the audit."""
    async with product.station(name) as double:
        double.reactions["ClearCache"] = {"status": answer}
        outcome = await product.command(name, "clear_cache")
        assert outcome.status_code == code
        assert double.heard == [("ClearCache", {})]
    [deed, *_] = await product.audit(name)
    assert (deed["action"], deed["outcome"]) == ("clear_cache", answer.lower())


@proves("1.6 3.5", "1.6 4.10")
async def test_TC_068_CSMS_stopped_by_another_tag_of_the_parent(product: Product, name: str) -> None:
    """Both tags are told to be of one parent; the other one's stop ends the transaction."""
    one = await enter(product, f"A{name}", group=f"P{name}")
    other = await enter(product, f"B{name}", group=f"P{name}")
    good = {"status": "Accepted", "parentIdTag": f"P{name}"}
    async with product.station(name) as double:
        assert await verdict(double, one) == good
        number, info = await start(product, double, one)
        assert info == good
        assert await verdict(double, other) == good
        assert (await stop(product, double, number, idTag=other))["idTagInfo"] == good
    row = await product.transaction(name)
    assert (row["token"], row["state"], row["stop_reason"]) == (one, "ended", "Local")


@proves("1.6 3.5", "1.6 4.1")
async def test_TC_069_CSMS_not_stopped_by_a_stranger(product: Product, name: str) -> None:
    """A tag without the parent is told to be none of them; the transaction goes on."""
    one = await enter(product, f"A{name}", group=f"P{name}")
    other = await enter(product, f"B{name}")
    async with product.station(name) as double:
        await start(product, double, one)
        assert await verdict(double, other) == {"status": "Accepted"}
        assert await verdict(double, f"X{name}") == {"status": "Invalid"}
        assert (await product.transaction(name))["state"] == "open"


async def test_a_tag_that_charges_elsewhere_may_not_start(product: Product, name: str) -> None:
    """ConcurrentTx at the other station; where it charges it may be shown, to stop."""
    tag = await enter(product, f"T{name}")
    async with product.station(name) as double, product.station(f"{name}X") as elsewhere:
        number, _ = await start(product, double, tag)
        assert await verdict(elsewhere, tag) == {"status": "ConcurrentTx"}
        assert (await start(product, elsewhere, tag))[1] == {"status": "ConcurrentTx"}
        assert await verdict(double, tag) == {"status": "Accepted"}
        assert (await stop(product, double, number, idTag=tag))["idTagInfo"] == {"status": "Accepted"}


async def test_a_master_pass_starts_nothing(product: Product, name: str) -> None:
    """It may be shown and may stop; a start with it is refused."""
    master = await enter(product, f"M{name}", group="MASTERS")
    tag = await enter(product, f"T{name}")
    async with product.station(name) as double:
        number, _ = await start(product, double, tag)
        assert (await verdict(double, master))["status"] == "Accepted"
        assert (await stop(product, double, number, idTag=master))["idTagInfo"]["status"] == "Accepted"
        assert (await start(product, double, master, ago_s=10))[1]["status"] == "Invalid"


async def test_a_token_made_for_a_remote_start_needs_no_row(product: Product, name: str) -> None:
    """Somebody here starts with a name of their own: the start that follows is accepted."""
    tag = f"APP-{name}"
    async with product.station(name) as double:
        assert await verdict(double, tag) == {"status": "Invalid"}
        double.reactions["RemoteStartTransaction"] = {"status": "Accepted"}
        body = {"evse_id": 1, "token": {"value": tag, "kind": "Central"}}
        assert (await product.command(name, "request_start", **body)).status_code == 200
        assert await verdict(double, tag) == {"status": "Accepted"}
        assert (await start(product, double, tag))[1] == {"status": "Accepted"}


async def test_a_transaction_that_nobody_ends_is_closed_by_hand(product: Product, name: str) -> None:
    """Closed for a person, in the audit with their words; the station's own end replaces it."""
    tag = await enter(product, f"T{name}")
    async with product.station(name) as double:
        number, _ = await start(product, double, tag)
        row = await product.transaction(name)
        path = f"/api/v1/transactions/{row['transaction_id']}/close"
        answer = await product.api.post(path, json={"why": "the car is gone"})
        assert answer.status_code == 200, answer.text
        assert (answer.json()["state"], answer.json()["stop_reason"]) == ("ended", "NotReportedClosed")
        assert (await product.api.post(path, json={"why": "again"})).status_code == 409
        page = await product.get("/audit", target=f"transaction/{row['transaction_id']}")
        [deed] = page["items"]
        assert (deed["action"], deed["outcome"], deed["outcome_detail"]) == (
            "close_transaction",
            "done",
            "the car is gone",
        )
        assert deed["actor"].startswith("key:")
        # Its token is free again.
        async with product.station(f"{name}X") as elsewhere:
            assert await verdict(elsewhere, tag) == {"status": "Accepted"}
        await stop(product, double, number, reason="EVDisconnected")
    row = await product.transaction(name)
    assert (row["stop_reason"], row["energy_wh"]) == ("EVDisconnected", 500.0)
