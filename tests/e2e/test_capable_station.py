"""A station that can do everything, and its rooms: a whole node and a double of 2.0.1 in a thread of their
own, a person in a real browser before them.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conformance.double import Double
from tests.conformance.inventory import ACCEPTED, Model, place, reported, tell
from tests.conformance.product import Product, running
from tests.e2e.test_console import PATIENCE_MS, axe_violations

T = TypeVar("T")
NAME = "DEPOT-1"
CONTENT = b"firmware " * 4_000
LOG = b"12:00:00 contactor closed\n" * 100
INVENTORY = [
    reported("TxCtrlr", "TxStartPoint", "EVConnected", data_type="MemberList"),
    reported("OCPPCommCtrlr", "HeartbeatInterval", "300", data_type="integer", kind={"unit": "s"}),
    reported("SecurityCtrlr", "BasicAuthPassword", None, mutability="WriteOnly"),
    reported("ChargingStation", "Model", "Quay 22", mutability="ReadOnly"),
    reported(
        "Connector",
        "Lock",
        "Auto",
        data_type="OptionList",
        kind={"valuesList": "Auto,Manual"},
        evse_id=1,
        connector_id=1,
    ),
]


class Depot:
    """A node and a station beside the test: `do` runs something there and returns what it gives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.stack = contextlib.AsyncExitStack()
        self.product: Product
        self.double: Double
        self.model = Model(
            {("Connector", 1, "Lock"): "Auto", ("OCPPCommCtrlr", None, "HeartbeatInterval"): "300"}
        )
        self.list_version = 0
        self.tasks: set[asyncio.Task[None]] = set()

    def do(self, deed: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(deed, self.loop).result(30)

    async def open(self) -> str:
        """Start both; returns the address that signs in as the owner."""
        self.product = await self.stack.enter_async_context(running(self.folder))
        double = await self.stack.enter_async_context(self.product.station(NAME, "2.0.1"))
        self.double = double
        self.model.attach(double)
        self.model.verdicts["Lock"] = "RebootRequired"
        about = {"vendorName": "Quayside", "model": "Quay 22", "firmwareVersion": "1.0"}
        await double.call("BootNotification", {"reason": "PowerUp", "chargingStation": about})
        status = {
            "timestamp": self.product.at(),
            "connectorStatus": "Available",
            "evseId": 1,
            "connectorId": 1,
        }
        await double.call("StatusNotification", status)
        double.reactions |= {
            "GetBaseReport": self._report,
            "ReserveNow": ACCEPTED,
            "CancelReservation": ACCEPTED,
            "SetDisplayMessage": ACCEPTED,
            "ClearDisplayMessage": ACCEPTED,
            "UpdateFirmware": ACCEPTED,
            "GetLog": {"status": "Accepted", "filename": "quay.log"},
            "SendLocalList": self._listed,
            "GetLocalListVersion": lambda _: {"versionNumber": self.list_version},
            "SetVariableMonitoring": self._monitored,
            "GetInstalledCertificateIds": {
                "status": "Accepted",
                "certificateHashDataChain": [
                    {"certificateType": "V2GRootCertificate", "certificateHashData": HASHES}
                ],
            },
            "DeleteCertificate": ACCEPTED,
        }
        owner = await self.product.key("owner")
        link = await self.product.api.post(
            "/api/v1/links", json={"user": "dora", "role": "owner"}, headers=owner
        )
        return f"{str(self.product.api.base_url).rstrip('/')}{link.json()['path']}"

    def _report(self, asked: dict[str, Any]) -> dict[str, Any]:
        task = self.loop.create_task(tell(self.product, self.double, asked["requestId"], INVENTORY, size=2))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return ACCEPTED

    def _listed(self, update: dict[str, Any]) -> dict[str, Any]:
        self.list_version = update["versionNumber"]
        return ACCEPTED

    def _monitored(self, asked: dict[str, Any]) -> dict[str, Any]:
        [monitor] = asked["setMonitoringData"]
        named = {name: monitor[name] for name in ("component", "variable", "type", "severity")}
        return {"setMonitoringResult": [{"id": 7, "status": "Accepted", **named}]}

    def end(self) -> None:
        self.do(self.stack.aclose())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)
        self.loop.close()


HASHES = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "ab" * 32,
    "issuerKeyHash": "cd" * 32,
    "serialNumber": "1f02aa",
}


@pytest.fixture(scope="module")
def depot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Depot, str]]:
    depot = Depot(tmp_path_factory.mktemp("depot"))
    depot.thread.start()
    link = depot.do(depot.open())
    yield depot, link
    depot.end()


@pytest.fixture(scope="module")
def person(depot: tuple[Depot, str], browser: Browser) -> Iterator[Page]:
    """An owner who is signed in."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.goto(depot[1])
    expect(page.get_by_role("navigation", name="Main")).to_be_visible(timeout=PATIENCE_MS)
    yield page
    context.close()


@pytest.fixture
def room(depot: tuple[Depot, str], person: Page) -> Any:
    """Goes to a room of the station."""
    base = depot[1].split("/#")[0].split("/sign-in")[0].rstrip("/")

    def enter(tab: str) -> Page:
        person.goto(
            f"{base}/settings?view={tab[9:]}"
            if tab.startswith("settings:")
            else f"{base}/stations/{NAME}?tab={tab}"
        )
        return person

    return enter


def heard(depot: Depot, action: str) -> dict[str, Any]:
    """The last call of that action."""
    return depot.do(depot.double.wait_heard(action))


def test_a_device_model_comes_in_parts_and_a_change_waits_for_a_restart(
    depot: tuple[Depot, str], room: Any
) -> None:
    page: Page = room("variables")
    expect(page.get_by_role("main")).to_contain_text("Nothing has been read yet", timeout=PATIENCE_MS)
    page.get_by_test_id("read-variables").click()
    table = page.get_by_test_id("variables")
    expect(page.get_by_role("main")).to_contain_text("5 known", timeout=PATIENCE_MS)
    expect(table).to_contain_text("write only")
    page.get_by_label("What is shown").select_option("writable")
    expect(table).not_to_contain_text("Quay 22", timeout=PATIENCE_MS)
    page.get_by_role("searchbox").fill("lock")
    row = page.get_by_role("row").filter(has_text="EVSE 1.1")
    row.get_by_role("button", name="Edit Lock").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("New value").locator("option")).to_have_text(["Auto", "Manual"])
    dialog.get_by_label("New value").select_option("Manual")
    page.get_by_test_id("dialog-submit").click()
    expect(row).to_contain_text("after a restart", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("reboot-required")).to_be_visible(timeout=PATIENCE_MS)
    [written] = heard(depot[0], "SetVariables")["setVariableData"]
    assert (written["variable"], written["attributeValue"]) == ({"name": "Lock"}, "Manual")
    assert written["component"] == {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}
    assert axe_violations(page) == []


def test_a_monitor_is_set_and_its_alarm_settled(depot: tuple[Depot, str], room: Any) -> None:
    page: Page = room("monitoring")
    page.get_by_role("button", name="Set a monitor").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Component").fill("EVSE")
    dialog.get_by_label("Variable").fill("Temperature")
    dialog.get_by_label("EVSE", exact=True).fill("1")
    dialog.get_by_label("Value", exact=True).fill("60,5")
    dialog.get_by_label("Severity").select_option("2")
    page.get_by_test_id("dialog-submit").click()
    expect(page.get_by_role("row").filter(has_text="Temperature")).to_contain_text(
        "60.5", timeout=PATIENCE_MS
    )
    event = {
        "eventId": 1,
        "timestamp": depot[0].product.at(),
        "trigger": "Alerting",
        "actualValue": "61.0",
        "eventNotificationType": "CustomMonitor",
        "variableMonitoringId": 7,
        **place("EVSE", "Temperature", evse_id=1),
    }
    told = {"generatedAt": depot[0].product.at(), "seqNo": 0, "tbc": False, "eventData": [event]}
    assert depot[0].do(depot[0].double.call("NotifyEvent", told)) == {}
    events = page.get_by_test_id("events")
    expect(events).to_contain_text("61.0", timeout=PATIENCE_MS)
    expect(events).to_contain_text("system failure")
    assert axe_violations(page) == []
    events.get_by_role("button", name="Settle").click()
    expect(events.get_by_text("alarm", exact=True)).to_have_count(0, timeout=PATIENCE_MS)


def test_a_reservation_is_made_and_cancelled(depot: tuple[Depot, str], room: Any) -> None:
    page: Page = room("reservations")
    page.get_by_test_id("reserve").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("EVSE").select_option("1")
    dialog.get_by_label("Token").fill("04AABBCCDD")
    page.get_by_test_id("dialog-submit").click()
    table = page.get_by_test_id("reservations")
    expect(table).to_contain_text("held", timeout=PATIENCE_MS)
    asked = heard(depot[0], "ReserveNow")
    assert (asked["evseId"], asked["idToken"]["idToken"]) == (1, "04AABBCCDD")
    assert axe_violations(page) == []
    table.get_by_role("button", name="Cancel").click()
    page.get_by_test_id("confirm").click()
    expect(table).to_contain_text("cancelled", timeout=PATIENCE_MS)
    assert heard(depot[0], "CancelReservation") == {"reservationId": asked["id"]}


def test_a_local_list_is_kept(depot: tuple[Depot, str], room: Any) -> None:
    token = {"value": "04LISTED01", "label": "Van 1"}
    answer = depot[0].do(depot[0].product.api.put("/api/v1/tokens/04LISTED01", json=token))
    assert answer.status_code == 200
    page: Page = room("list")
    page.get_by_test_id("keep-list").check()
    page.get_by_role("button", name="Bring up to date").click()
    expect(page.get_by_test_id("local-list")).to_contain_text("up to date", timeout=PATIENCE_MS)
    expect(page.get_by_role("main")).to_contain_text("04LISTED01", timeout=PATIENCE_MS)
    update = heard(depot[0], "SendLocalList")
    assert [entry["idToken"]["idToken"] for entry in update["localAuthorizationList"]] == ["04LISTED01"]
    assert axe_violations(page) == []


def test_a_message_is_shown_and_cleared(depot: tuple[Depot, str], room: Any) -> None:
    page: Page = room("display")
    page.get_by_role("button", name="Show a message").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Message").fill("Closed on Sunday")
    dialog.get_by_label("While").select_option("Idle")
    page.get_by_test_id("dialog-submit").click()
    shown = page.get_by_test_id("display-messages")
    expect(shown).to_contain_text("Closed on Sunday", timeout=PATIENCE_MS)
    asked = heard(depot[0], "SetDisplayMessage")["message"]
    assert (asked["message"]["content"], asked["state"]) == ("Closed on Sunday", "Idle")
    assert axe_violations(page) == []
    shown.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("main")).to_contain_text("No message is known", timeout=PATIENCE_MS)
    assert heard(depot[0], "ClearDisplayMessage") == {"id": asked["id"]}


def test_firmware_is_brought_and_installed(depot: tuple[Depot, str], room: Any) -> None:
    page: Page = room("settings:firmware")
    page.get_by_test_id("add-image").click()
    dialog = page.get_by_role("dialog")
    picked = {"name": "quay-2.0.bin", "mimeType": "application/octet-stream", "buffer": CONTENT}
    dialog.get_by_label("File").set_input_files(picked)  # type: ignore[arg-type]
    dialog.get_by_label("Version, as the station tells it").fill("2.0")
    page.get_by_test_id("dialog-submit").click()
    expect(page.get_by_test_id("images")).to_contain_text("36.0 kB", timeout=PATIENCE_MS)
    assert axe_violations(page) == []
    room("firmware")
    page.get_by_role("button", name="Install firmware").click()
    dialog.get_by_label("Image").select_option(label="2.0 (quay-2.0.bin)")
    page.get_by_test_id("dialog-submit").click()
    jobs = page.get_by_test_id("firmware-jobs")
    expect(jobs).to_contain_text("Update: 2.0", timeout=PATIENCE_MS)
    request = heard(depot[0], "UpdateFirmware")["requestId"]
    for word in ("Downloading", "Downloaded", "Installing"):
        depot[0].do(
            depot[0].double.call("FirmwareStatusNotification", {"status": word, "requestId": request})
        )
    expect(jobs).to_contain_text("under way · Installing", timeout=PATIENCE_MS)
    jobs.locator("summary").click()
    expect(jobs.get_by_role("listitem")).to_have_count(4)
    assert axe_violations(page) == []


def test_a_log_is_asked_for_and_downloaded(depot: tuple[Depot, str], room: Any) -> None:
    page: Page = room("logs")
    page.get_by_role("button", name="Ask for a log").click()
    page.get_by_test_id("dialog-submit").click()
    jobs = page.get_by_test_id("log-jobs")
    expect(jobs).to_contain_text("Diagnostics", timeout=PATIENCE_MS)
    asked = heard(depot[0], "GetLog")
    url = asked["log"]["remoteLocation"] + "quay.log"
    put = depot[0].do(depot[0].product.api.put(url, content=LOG, headers={"authorization": ""}))
    assert put.status_code == 201, put.text
    done = {"status": "Uploaded", "requestId": asked["requestId"]}
    depot[0].do(depot[0].double.call("LogStatusNotification", done))
    expect(jobs).to_contain_text("2.6 kB", timeout=PATIENCE_MS)
    assert axe_violations(page) == []
    with page.expect_download() as download:
        jobs.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_bytes() == LOG


def test_certificates_are_read_and_deleted(depot: tuple[Depot, str], room: Any) -> None:
    page: Page = room("certificates")
    page.get_by_test_id("read-certificates").click()
    table = page.get_by_test_id("certificates")
    expect(table).to_contain_text("1f02aa", timeout=PATIENCE_MS)
    assert axe_violations(page) == []
    table.get_by_role("button", name=re.compile("Delete")).click()
    page.get_by_test_id("confirm").click()
    expect(page.get_by_role("main")).to_contain_text("No certificate is known", timeout=PATIENCE_MS)
    assert heard(depot[0], "DeleteCertificate") == {"certificateHashData": HASHES}


def test_security_events_are_listed(depot: tuple[Depot, str], room: Any) -> None:
    event = {"type": "TamperDetectionActivated", "timestamp": depot[0].product.at(), "techInfo": "door"}
    depot[0].do(depot[0].double.call("SecurityEventNotification", event))
    page: Page = room("security")
    events = page.get_by_test_id("security-events")
    expect(events).to_contain_text("TamperDetectionActivated", timeout=PATIENCE_MS)
    expect(events).to_contain_text("critical")
    expect(page.get_by_test_id("security")).to_contain_text("0: no password")
    assert axe_violations(page) == []
