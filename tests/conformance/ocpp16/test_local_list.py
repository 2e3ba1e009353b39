"""Local lists in 1.6: their version, whole and differential updates, and what stations answer.

Each function is a test case of the central system.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
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
    """A node with two tokens, one of them blocked, and some that have no place on a list of 1.6."""
    async with running(tmp_path_factory.mktemp("product"), master_pass_group="BOSS") as product:
        for token in (
            {"value": "GOOD", "group": "FLEET", "expires_at": "2090-01-01T00:00:00Z"},
            {"value": "STOLEN", "status": "Blocked"},
            {"value": "4711", "kind": "KeyCode"},
            {"value": "MASTER", "group": "BOSS"},
            {"value": "A-TOKEN-THAT-IS-FAR-TOO-LONG"},
            {"value": "HIDDEN", "listed": False},
        ):
            answer = await product.api.put(f"/api/v1/tokens/{token['value']}", json=token)
            assert answer.status_code == 200, answer.text
        yield product


@pytest.fixture
def name() -> str:
    return f"CP16-L{next(_names)}"


LISTED = [
    {
        "idTag": "GOOD",
        "idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET", "expiryDate": "2090-01-01T00:00:00Z"},
    },
    {"idTag": "STOLEN", "idTagInfo": {"status": "Blocked"}},
]


class Answers:
    """A station that takes lists; `statuses` are its next words instead."""

    def __init__(self, double: Double, *statuses: str, keys: dict[str, str] | None = None) -> None:
        self.version = 0
        self.statuses = list(statuses)
        self.updates: list[dict[str, Any]] = []
        known = [{"key": key, "readonly": True, "value": value} for key, value in (keys or {}).items()]
        told: dict[str, Any] = (
            {"configurationKey": known} if known else {"unknownKey": ["LocalAuthListEnabled"]}
        )
        double.reactions["GetConfiguration"] = told
        double.reactions["GetLocalListVersion"] = lambda _: {"listVersion": self.version}
        double.reactions["SendLocalList"] = self._take

    def _take(self, update: dict[str, Any]) -> dict[str, Any]:
        self.updates.append(update)
        status = self.statuses.pop(0) if self.statuses else "Accepted"
        if status == "Accepted":
            self.version = update["listVersion"]
        return {"status": status}


async def sync(product: Product, name: str, **how: Any) -> Any:
    """A person brings the list up to date."""
    return await product.api.post(f"/api/v1/stations/{name}/local-list/sync", json=how)


async def view(product: Product, name: str) -> dict[str, Any]:
    return dict(await product.get(f"/stations/{name}/local-list"))


async def version(product: Product, double: Double, name: str, told: int) -> Any:
    """A person asks for the version."""
    double.reactions["GetLocalListVersion"] = {"listVersion": told}
    outcome = await product.command(name, "get_local_list_version")
    assert double.heard == [("GetLocalListVersion", {})]
    return outcome


@proves("1.6 5.10")
async def test_TC_042_1_CSMS_version_not_supported(product: Product, name: str) -> None:
    """-1: the station has no local lists, and the API says so."""
    async with product.station(name) as double:
        outcome = await version(product, double, name, -1)
    assert (outcome.status_code, outcome.json()["outcome"]["status"]) == (502, "NotSupported")
    [deed, *_] = await product.audit(name)
    assert (deed["action"], deed["outcome"]) == ("get_local_list_version", "rejected")


@proves("1.6 5.10")
async def test_TC_042_2_CSMS_version_of_an_empty_list(product: Product, name: str) -> None:
    """0: there is none yet."""
    async with product.station(name) as double:
        outcome = await version(product, double, name, 0)
        assert (outcome.status_code, outcome.json()["data"]) == (200, 0)
    assert (await view(product, name))["seen_version"] == 0


@proves("1.6 5.15")
async def test_TC_043_1_CSMS_list_not_supported(product: Product, name: str) -> None:
    """NotSupported: told to who asked, and shown; it is not tried a second time."""
    async with product.station(name) as double:
        station = Answers(double, "NotSupported")
        answer = await sync(product, name)
        assert (answer.status_code, answer.json()["outcome"]["status"]) == (502, "NotSupported")
        assert len(station.updates) == 1
    assert (await view(product, name))["state"] == "unsupported"


@proves("1.6 5.15")
async def test_TC_043_2_CSMS_version_mismatch(product: Product, name: str) -> None:
    """A change is refused for its version: the whole list follows."""
    async with product.station(name) as double:
        station = Answers(double)
        await sync(product, name)
        await product.api.put("/api/v1/tokens/NEW", json={"value": "NEW"})
        station.statuses = ["VersionMismatch"]
        assert (await sync(product, name)).status_code == 200
        await product.api.delete("/api/v1/tokens/NEW")
    told = [(update["updateType"], update["listVersion"]) for update in station.updates]
    assert told == [("Full", 1), ("Differential", 2), ("Full", 2)]
    assert (await view(product, name))["state"] == "synced"


@proves("1.6 5.15")
async def test_TC_043_3_CSMS_failed(product: Product, name: str) -> None:
    """Failed: what the station holds is what it held before."""
    async with product.station(name) as double:
        Answers(double, "Failed")
        answer = await sync(product, name)
        assert (answer.status_code, answer.json()["outcome"]["status"]) == (502, "Failed")
    shown = await view(product, name)
    assert (shown["state"], shown["version"], shown["entries"]) == ("failed", 0, 0)


@proves("1.6 5.15", "1.6 5.10")
async def test_TC_043_4_CSMS_full(product: Product, name: str) -> None:
    """The whole list, with verdicts, parents and expiry; the version is read back."""
    async with product.station(name) as double:
        station = Answers(double)
        assert (await sync(product, name)).status_code == 200
        assert station.updates == [{"listVersion": 1, "updateType": "Full", "localAuthorizationList": LISTED}]
        assert double.heard[-1] == ("GetLocalListVersion", {})
    shown = await view(product, name)
    assert (shown["state"], shown["version"], shown["seen_version"], shown["entries"]) == ("synced", 1, 1, 2)
    deeds = [(deed["action"], deed["outcome"]) for deed in await product.audit(name)]
    assert ("send_local_list", "accepted") in deeds


@proves("1.6 5.15")
async def test_TC_043_5_CSMS_differential(product: Product, name: str) -> None:
    """What is new has a verdict, what is gone has none."""
    async with product.station(name) as double:
        station = Answers(double)
        await sync(product, name)
        await product.api.put("/api/v1/tokens/NEW", json={"value": "NEW"})
        await sync(product, name)
        await product.api.delete("/api/v1/tokens/NEW")
        await sync(product, name)
    assert station.updates[1:] == [
        {
            "listVersion": 2,
            "updateType": "Differential",
            "localAuthorizationList": [{"idTag": "NEW", "idTagInfo": {"status": "Accepted"}}],
        },
        {"listVersion": 3, "updateType": "Differential", "localAuthorizationList": [{"idTag": "NEW"}]},
    ]


@proves("1.6 9.2.2", "1.6 9.2.3")
async def test_a_station_s_keys_bound_its_messages(product: Product, name: str) -> None:
    """One entry a message, and one in all: the list is cut, and it says by how much."""
    async with product.station(name) as double:
        keys = {"LocalAuthListEnabled": "true", "SendLocalListMaxLength": "1", "LocalAuthListMaxLength": "1"}
        station = Answers(double, keys=keys)
        assert (await sync(product, name)).status_code == 200
    assert [len(update["localAuthorizationList"]) for update in station.updates] == [1]
    shown = await view(product, name)
    assert (shown["state"], shown["entries"]) == ("synced", 1)
    assert "1 tokens have no room" in shown["detail"]
