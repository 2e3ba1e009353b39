"""Block D, local lists: stations hold what the tokens say, by whole lists and by changes.

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from ..charge import Charge, charging
from ..product import Product, running

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"D{next(_names)}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """A node of its own: a station's list is of all tokens."""
    async with running(tmp_path_factory.mktemp("product")) as product:
        yield product


class List:
    """What a station does with its local list, by the standard; `limit` entries a message."""

    def __init__(self, charge: Charge, limit: int | None = None, holds: int = 0) -> None:
        self.charge = charge
        self.limit = limit
        self.version = holds
        self.held: dict[str, dict[str, Any] | None] = {}
        self.updates: list[dict[str, Any]] = []
        self.answers: list[str] = []
        """What to answer instead of what is right."""
        reactions = charge.double.reactions
        reactions["GetLocalListVersion"] = lambda _: {"versionNumber": self.version}
        reactions["SendLocalList"] = self._take
        reactions["GetVariables"] = self._tell

    def _take(self, update: dict[str, Any]) -> dict[str, Any]:
        self.updates.append(update)
        if self.answers:
            return {"status": self.answers.pop(0)}
        entries = update.get("localAuthorizationList", [])
        assert self.limit is None or len(entries) <= self.limit
        names = [entry["idToken"]["idToken"] for entry in entries]
        assert len(names) == len(set(names))
        if update["updateType"] == "Full":
            self.held = {}
        elif update["versionNumber"] <= self.version:
            return {"status": "VersionMismatch"}
        for entry in entries:
            if "idTokenInfo" in entry:
                self.held[entry["idToken"]["idToken"]] = entry["idTokenInfo"]
            else:
                self.held.pop(entry["idToken"]["idToken"], None)
        self.version = update["versionNumber"]
        return {"status": "Accepted"}

    def _tell(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"getVariableResult": [self._variable(item) for item in asked["getVariableData"]]}

    def _variable(self, item: dict[str, Any]) -> dict[str, Any]:
        told = {"component": item["component"], "variable": item["variable"]}
        if self.limit is not None and item["variable"]["name"] == "ItemsPerMessage":
            return told | {"attributeStatus": "Accepted", "attributeValue": str(self.limit)}
        return told | {"attributeStatus": "UnknownVariable"}

    async def sync(self, **how: Any) -> Any:
        """A person brings it up to date."""
        path = f"/api/v1/stations/{self.charge.name}/local-list/sync"
        return await self.charge.product.api.post(path, json=how)

    async def view(self) -> dict[str, Any]:
        return dict(await self.charge.product.get(f"/stations/{self.charge.name}/local-list"))


@contextlib.asynccontextmanager
async def listed(product: Product, name: str, version: str, **more: Any) -> AsyncIterator[List]:
    async with charging(product, name, version) as charge:
        yield List(charge, **more)


@contextlib.asynccontextmanager
async def tokens(product: Product, *values: str, **more: Any) -> AsyncIterator[None]:
    """These tokens are all there is."""
    for token in await product.get("/tokens"):
        await product.api.delete(f"/api/v1/tokens/{token['value']}")
    for value in values:
        await enter(product, value, **more)
    yield


async def enter(product: Product, value: str, **more: Any) -> None:
    answer = await product.api.put(f"/api/v1/tokens/{value}", json={"value": value, **more})
    assert answer.status_code == 200, answer.text


@proves("D01.FR.01", "D01.FR.06", "D01.FR.18")
async def test_TC_D_01_CSMS_full(product: Product, name: str, version: str) -> None:
    """The whole list goes in one update with a version above 0, and is read back."""
    async with tokens(product, "A", "B", group="G"), listed(product, name, version) as station:
        answer = await station.sync(whole=True)
        assert answer.status_code == 200, answer.text
        [update] = station.updates
        assert (update["updateType"], update["versionNumber"]) == ("Full", 1)
        assert station.held == {
            value: {"status": "Accepted", "groupIdToken": {"idToken": "G", "type": "Central"}}
            for value in ("A", "B")
        }
        view = await station.view()
        assert (view["state"], view["version"], view["seen_version"], view["entries"]) == ("synced", 1, 1, 2)
        deeds = [(deed["action"], deed["outcome"]) for deed in await product.audit(name)]
        assert ("send_local_list", "accepted") in deeds


@proves("D01.FR.11")
async def test_TC_D_01_CSMS_full_in_parts(product: Product, name: str, version: str) -> None:
    """A station that takes two entries a message gets a full update and then differential ones."""
    async with tokens(product, *"ABCDE"), listed(product, name, version, limit=2) as station:
        assert (await station.sync()).status_code == 200
        told = [(update["updateType"], update["versionNumber"]) for update in station.updates]
        assert told == [("Full", 1), ("Differential", 2), ("Differential", 3)]
        assert sorted(station.held) == list("ABCDE")
        assert (await station.view())["state"] == "synced"


@proves("D01.FR.01", "D01.FR.06", "D01.FR.16", "D01.FR.18")
async def test_TC_D_02_CSMS_differential_update(product: Product, name: str, version: str) -> None:
    """What changed goes alone, with a version above the station's."""
    async with tokens(product, *"ABCD"), listed(product, name, version) as station:
        await station.sync()
        await enter(product, "B", status="Blocked")
        await enter(product, "E")
        assert (await station.sync()).status_code == 200
        update = station.updates[-1]
        assert (update["updateType"], update["versionNumber"]) == ("Differential", 2)
        assert [(e["idToken"]["idToken"], e["idTokenInfo"]) for e in update["localAuthorizationList"]] == [
            ("B", {"status": "Blocked"}),
            ("E", {"status": "Accepted"}),
        ]
        await station.sync()
        assert len(station.updates) == 2  # nothing changed, nothing is sent


@proves("D01.FR.17", "D01.FR.18")
async def test_TC_D_03_CSMS_differential_remove(product: Product, name: str, version: str) -> None:
    """What was removed goes as entries without a verdict."""
    async with tokens(product, *"ABC"), listed(product, name, version) as station:
        await station.sync()
        await product.api.delete("/api/v1/tokens/B")
        assert (await station.sync()).status_code == 200
        assert station.updates[-1] == {
            "updateType": "Differential",
            "versionNumber": 2,
            "localAuthorizationList": [{"idToken": {"idToken": "B", "type": "ISO14443"}}],
        }
        assert sorted(station.held) == ["A", "C"]


@proves("D01.FR.04", "D01.FR.18")
async def test_TC_D_04_CSMS_full_and_empty(product: Product, name: str, version: str) -> None:
    """No tokens: a full update without entries."""
    async with tokens(product), listed(product, name, version) as station:
        assert (await station.sync(whole=True)).status_code == 200
        assert station.updates == [{"updateType": "Full", "versionNumber": 1}]


@proves("D02.FR.01")
async def test_TC_D_08_CSMS_version(product: Product, name: str, version: str) -> None:
    """A person asks for the version; it is told and kept."""
    async with listed(product, name, version, holds=7) as station:
        outcome = await product.command(name, "get_local_list_version")
        assert (outcome.status_code, outcome.json()["data"]) == (200, 7)
        assert (await station.view())["seen_version"] == 7
        [deed, *_] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("get_local_list_version", "accepted")


@proves("D02.FR.02", "D02.FR.03")
async def test_TC_D_09_CSMS_no_list(product: Product, name: str, version: str) -> None:
    """0: the station has none."""
    async with listed(product, name, version) as station:
        outcome = await product.command(name, "get_local_list_version")
        assert (outcome.status_code, outcome.json()["data"]) == (200, 0)
        assert (await station.view())["seen_version"] == 0


@proves("D01.FR.03", "D01.FR.19")
async def test_a_refused_change_is_followed_by_the_whole_list(
    product: Product, name: str, version: str
) -> None:
    """VersionMismatch: the station tells its version, and gets everything above it."""
    async with tokens(product, *"ABC"), listed(product, name, version) as station:
        await station.sync()
        station.version = 40  # somebody else wrote it
        await enter(product, "D")
        assert (await station.sync()).status_code == 200
        told = [(update["updateType"], update["versionNumber"]) for update in station.updates]
        assert told == [("Full", 1), ("Differential", 2), ("Full", 41)]
        assert (await station.view())["state"] == "synced"


async def test_a_station_that_refuses_everything_is_told_of(
    product: Product, name: str, version: str
) -> None:
    """Failed twice: the API says so, and so does the list."""
    async with tokens(product, *"AB"), listed(product, name, version) as station:
        station.answers = ["Failed", "Failed"]
        answer = await station.sync()
        assert (answer.status_code, answer.json()["outcome"]["status"]) == (502, "Failed")
        view = await station.view()
        assert (view["state"], view["version"], view["entries"]) == ("failed", 0, 0)
        assert "Failed" in view["detail"]


async def test_a_kept_list_follows_the_tokens(product: Product, name: str, version: str) -> None:
    """Kept: an import of tokens becomes one update, when it has settled."""
    async with tokens(product, *"AB"), listed(product, name, version) as station:
        path = f"/stations/{name}/local-list"
        await product.api.put(f"/api/v1{path}", json={"enabled": True})
        await product.until(lambda view: view["state"] == "synced", path)
        for value in "CDE":
            await enter(product, value)
        product.leap(6)
        await product.until(lambda view: view["entries"] == 5, path)
        assert [update["updateType"] for update in station.updates] == ["Full", "Differential"]
        assert sorted(station.held) == list("ABCDE")
        await product.api.put(f"/api/v1{path}", json={"enabled": False})


async def test_a_list_that_drifted_is_sent_again(product: Product, name: str, version: str) -> None:
    """A station comes back from a boot without its list: it gets the whole one."""
    async with tokens(product, *"AB"), listed(product, name, version) as station:
        path = f"/stations/{name}/local-list"
        await product.api.put(f"/api/v1{path}", json={"enabled": True})
        await product.until(lambda view: view["state"] == "synced", path)
    async with listed(product, name, version) as station:
        product.leap(6)
        await station.charge.double.wait_heard("SendLocalList")
        await product.until(lambda view: (view["state"], view["seen_version"]) == ("synced", 2), path)
        assert [(update["updateType"], update["versionNumber"]) for update in station.updates] == [
            ("Full", 2)
        ]
        await product.api.put(f"/api/v1{path}", json={"enabled": False})


async def test_versions_begin_again(product: Product, name: str, version: str) -> None:
    """Reset: the next update is the whole list as version 1."""
    async with tokens(product, *"AB"), listed(product, name, version) as station:
        await station.sync()
        answer = await product.api.post(f"/api/v1/stations/{name}/local-list/reset")
        assert (answer.status_code, answer.json()["version"], answer.json()["entries"]) == (200, 0, 0)
        await station.sync()
        assert [(u["updateType"], u["versionNumber"]) for u in station.updates] == [("Full", 1)] * 2
        deeds = [deed["action"] for deed in await product.audit(name)]
        assert "reset_local_list" in deeds


async def test_a_list_sent_by_hand_counts(product: Product, name: str, version: str) -> None:
    """Exactly the payload that somebody wrote: what the station holds is known from it."""
    async with tokens(product), listed(product, name, version) as station:
        entry = {"idToken": {"idToken": "HAND", "type": "ISO14443"}, "idTokenInfo": {"status": "Accepted"}}
        payload = {"versionNumber": 9, "updateType": "Full", "localAuthorizationList": [entry]}
        answer = await product.ocpp(name, "SendLocalList", payload)
        assert (answer.status_code, answer.json()) == (200, {"status": "Accepted"})
        assert station.updates == [payload]
        view = await station.view()
        assert (view["version"], view["entries"], view["state"]) == (9, 1, "behind")
        held = await product.get(f"/stations/{name}/local-list/entries")
        assert held == [{"value": "HAND", "kind": "ISO14443"}]
        await station.sync()
        assert station.updates[-1]["versionNumber"] == 10
        assert station.held == {}
