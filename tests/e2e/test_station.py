"""The rooms of a station's page in a real browser on a live demo: actions by form, variables, messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import Demo
from tests.e2e.test_console import PATIENCE_MS, axe_violations

TABS = (
    "overview",
    "actions",
    "charging",
    "variables",
    "monitoring",
    "reservations",
    "list",
    "security",
    "certificates",
    "firmware",
    "logs",
    "display",
    "connections",
    "audit",
)


def ask(page: Page, path: str, body: Any = None) -> Any:
    """The API's answer to the person who is signed in."""
    return page.evaluate(
        """([path, body]) => fetch("/api/v1" + path, body === null ? {} : {
            method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body)
        }).then((answer) => answer.json())""",
        [path, body],
    )


def sent_to(page: Page, station: str) -> list[tuple[str, Any, str]]:
    """The actions that were sent to a station by a form, as audited: action, payload, outcome."""
    listed = ask(page, f"/audit?limit=100&target=station/{station}")["items"]
    deeds = [item for item in listed if item["action"] == "ocpp" and item["target"] == f"station/{station}"]
    return [(item["detail"]["action"], item["detail"]["payload"], item["outcome"]) for item in deeds]


def place(page: Page, where: str) -> Locator:
    """The field of a message's place."""
    return page.locator(f"[data-place='{where}']").locator("input, select, textarea").first


def open_action(page: Page, demo: Demo, station: str, action: str) -> None:
    """Go to an action's form. A longer way than the address: what was filled in before is forgotten."""
    page.goto(f"{demo.address}/stations/{station}?tab=actions&action={action}")
    expect(page.get_by_test_id("action-form")).to_contain_text(action, timeout=PATIENCE_MS)


def test_an_action_is_sent_by_its_form(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    open_action(page, demo, "WP-01", "ClearCache")
    page.get_by_test_id("action-search").fill("trigg")
    page.get_by_role("button", name="TriggerMessage", exact=True).click()
    send = page.get_by_test_id("send-action")
    expect(send).to_have_text("Send TriggerMessage")
    send.click()
    # What is missing is told at its field, which takes the focus; nothing was sent.
    expect(page.locator("[data-problem='requestedMessage']")).to_have_text("is needed")
    expect(place(page, "requestedMessage")).to_be_focused()
    assert page.get_by_test_id("action-answers").count() == 0
    place(page, "requestedMessage").select_option("Heartbeat")
    page.locator("[data-add='connectorId']").click()
    place(page, "connectorId").fill("one")
    send.click()
    expect(page.locator("[data-problem='connectorId']")).to_have_text("has to be a whole number")
    place(page, "connectorId").fill("1")
    expect(page.get_by_test_id("action-json")).to_have_value(
        '{\n  "requestedMessage": "Heartbeat",\n  "connectorId": 1\n}'
    )
    send.click()
    answers = page.get_by_test_id("action-answers")
    expect(answers).to_contain_text('"status": "Accepted"', timeout=PATIENCE_MS)
    assert sent_to(page, "WP-01") == [
        ("TriggerMessage", {"requestedMessage": "Heartbeat", "connectorId": 1}, "accepted")
    ]
    # It is remembered: one click fills in the same again.
    page.get_by_role("button", name="Start anew").click()
    expect(place(page, "requestedMessage")).to_have_value("")
    page.get_by_role("button", name='{"requestedMessage"').click()
    expect(place(page, "requestedMessage")).to_have_value("Heartbeat")


def test_the_form_and_the_json_are_the_same(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    open_action(page, demo, "WP-02", "GetVariables")
    text = page.get_by_test_id("action-json")
    place(page, "getVariableData[0].component.name").fill("TxCtrlr")
    place(page, "getVariableData[0].variable.name").fill("EVConnectionTimeOut")
    written = json.loads(text.input_value())
    one = {"component": {"name": "TxCtrlr"}, "variable": {"name": "EVConnectionTimeOut"}}
    assert written == {"getVariableData": [one]}
    # Written by hand, a second one appears in the form, and what the message does not know is told.
    two = {**one, "variable": {"name": "TxStartPoint"}, "colour": "red"}
    text.fill(json.dumps({"getVariableData": [one, two]}))
    expect(place(page, "getVariableData[1].variable.name")).to_have_value("TxStartPoint")
    page.get_by_test_id("send-action").click()
    form = page.get_by_test_id("action-form")
    expect(form).to_contain_text("getVariableData[1].colour: is not known to this message")
    text.fill("{")
    expect(form).to_contain_text("This is no JSON object yet")
    text.fill(json.dumps({"getVariableData": [one]}))
    page.get_by_test_id("send-action").click()
    expect(page.get_by_test_id("action-answers")).to_contain_text("attributeStatus", timeout=PATIENCE_MS)


def test_a_moment_is_chosen_in_utc_and_told_in_local_time(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    open_action(page, demo, "WP-02", "ReserveNow")
    place(page, "expiryDateTime").fill("2026-09-15T20:30:00")
    assert json.loads(page.get_by_test_id("action-json").input_value())["expiryDateTime"] == (
        "2026-09-15T20:30:00Z"
    )
    there = datetime(2026, 9, 15, 20, 30, tzinfo=UTC).astimezone(
        ZoneInfo(ask(page, "/sites/demo")["time_zone"])
    )
    expect(page.get_by_test_id("action-form")).to_contain_text(f"2026, {there:%H:%M:%S} at the site")


def test_a_dangerous_action_asks_first(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    open_action(page, demo, "WP-03", "ClearCache")
    page.get_by_test_id("send-action").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("ClearCache: WP-03?")
    assert axe_violations(page) == []
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    assert page.get_by_test_id("action-answers").count() == 0
    assert sent_to(page, "WP-03") == []
    page.get_by_test_id("send-action").click()
    page.get_by_test_id("confirm").click()
    expect(page.get_by_test_id("action-answers")).to_contain_text("Accepted", timeout=PATIENCE_MS)
    assert sent_to(page, "WP-03") == [("ClearCache", {}, "accepted")]


def test_what_a_station_does_not_know_is_told(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    open_action(page, demo, "WP-09", "GetDiagnostics")
    place(page, "location").fill("https://files.example.org/")
    page.get_by_test_id("send-action").click()
    answers = page.get_by_test_id("action-answers")
    expect(answers).to_contain_text("Station WP-09 answered with an error", timeout=PATIENCE_MS)


def test_a_variable_is_edited_after_a_look_at_old_and_new(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    page.goto(f"{demo.address}/stations/WP-05?tab=variables")
    page.get_by_role("searchbox").fill("heartbeat")
    row = page.get_by_role("row").filter(has_text="HeartbeatInterval")
    expect(row).to_contain_text("300", timeout=PATIENCE_MS)
    row.get_by_role("button", name="Edit HeartbeatInterval").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Write HeartbeatInterval on WP-05?")
    expect(page.get_by_test_id("dialog-submit")).to_be_disabled()  # nothing is changed yet
    assert axe_violations(page) == []
    dialog.get_by_role("textbox").fill("240")
    page.get_by_test_id("dialog-submit").click()
    expect(row).to_contain_text("240", timeout=PATIENCE_MS)
    told = ask(page, "/stations/WP-05/variables")
    assert [item["value"] for item in told if item["variable"] == "HeartbeatInterval"] == ["240"]
    answer = ask(page, "/stations/WP-05/ocpp/GetConfiguration", {"key": ["HeartbeatInterval"]})
    assert answer["configurationKey"][0]["value"] == "240"


def test_a_template_tells_of_drift_and_sets_what_is_expected(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    page.goto(f"{demo.address}/settings?view=configurations")
    page.get_by_test_id("add-template").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Calm heartbeat")
    dialog.get_by_label("Stations").fill("WP-06")
    dialog.get_by_label("Component").fill("OCPPCommCtrlr")
    dialog.get_by_label("Variable").fill("HeartbeatInterval")
    dialog.get_by_label("Value", exact=True).fill("600")
    page.get_by_test_id("dialog-submit").click()
    expect(page.get_by_test_id("templates")).to_contain_text("for WP-06", timeout=PATIENCE_MS)
    assert axe_violations(page) == []
    page.goto(f"{demo.address}/stations/WP-06?tab=variables")
    main = page.get_by_role("main")
    expect(main).to_contain_text("One variable differs from what is expected", timeout=PATIENCE_MS)
    assert axe_violations(page) == []
    page.get_by_role("button", name="Set what is expected").click()
    expect(main).not_to_contain_text("One variable differs", timeout=PATIENCE_MS)
    told = ask(page, "/stations/WP-06/variables")
    assert [item["value"] for item in told if item["variable"] == "HeartbeatInterval"] == ["600"]


def test_the_limits_that_a_station_holds_are_shown(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    page.goto(f"{demo.address}/stations/WP-08?tab=charging")
    profiles = page.get_by_test_id("profiles")
    expect(profiles).to_contain_text("TxDefaultProfile", timeout=PATIENCE_MS)
    # The load management changes them meanwhile, and the page reads them each five seconds: both in one look.
    page.wait_for_function(
        """async () => {
            const held = (await (await fetch("/api/v1/stations/WP-08/charging")).json()).installed.length;
            return held > 0 && document.querySelectorAll("[data-testid=profiles] tbody tr").length === held;
        }""",
        timeout=PATIENCE_MS,
    )
    for mode, kept in (("observed", "observed"), ("", None)):
        with page.expect_response(lambda answer: answer.request.method == "PUT"):
            page.get_by_test_id("charging-mode").select_option(mode)
        assert ask(page, "/stations/WP-08/charging")["mode"] == kept


def test_the_live_tail_is_filtered(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    page.goto(f"{demo.address}/stations/WP-07")
    expect(page.get_by_role("main")).to_contain_text("live", timeout=PATIENCE_MS)
    page.get_by_test_id("message-action").fill("ChangeAvailability")
    messages = page.get_by_test_id("messages")
    expect(page.get_by_role("main")).to_contain_text("No message matches", timeout=PATIENCE_MS)
    for kind in ("Inoperative", "Operative"):
        ask(page, "/stations/WP-07/ocpp/ChangeAvailability", {"connectorId": 1, "type": kind})
    # Two calls and their answers; whatever else passes stays out.
    expect(messages.get_by_role("listitem")).to_have_count(4, timeout=PATIENCE_MS)
    page.get_by_label("Direction").select_option("in")
    expect(messages.get_by_role("listitem")).to_have_count(2)
    page.get_by_role("button", name="Clear filters").click()
    expect(messages.get_by_role("listitem").nth(8)).to_be_visible(timeout=PATIENCE_MS)


def a_root(name: str) -> str:
    """A certificate authority's certificate, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=4000))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def test_a_root_is_trusted_and_offered_to_a_station(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    page.goto(f"{demo.address}/settings?view=certificates")
    expect(page.get_by_role("main")).to_contain_text("No certificate is trusted yet", timeout=PATIENCE_MS)
    page.get_by_test_id("add-root").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Label").fill("Depot V2G")
    dialog.get_by_label("Certificate as text (PEM)").fill("nothing of the kind")
    page.get_by_test_id("dialog-submit").click()
    expect(dialog.get_by_role("alert")).to_contain_text("pem", timeout=PATIENCE_MS)
    dialog.get_by_label("Certificate as text (PEM)").fill(a_root("Depot Root 1"))
    page.get_by_test_id("dialog-submit").click()
    expect(page.get_by_test_id("roots")).to_contain_text("Depot Root 1", timeout=PATIENCE_MS)
    assert axe_violations(page) == []
    [trusted] = ask(page, "/certificates")
    assert (trusted["label"], trusted["use"]) == ("Depot V2G", "V2GRootCertificate")
    # A station of the demo keeps no certificates: what it answers stays in the dialog, and nothing is listed.
    page.goto(f"{demo.address}/stations/WP-02?tab=certificates")
    page.get_by_role("button", name="Install a certificate").click()
    dialog.get_by_label("Trusted for").select_option("V2GRootCertificate")
    dialog.get_by_label("One that is trusted here").select_option("Depot V2G")
    page.get_by_test_id("dialog-submit").click()
    expect(dialog.get_by_role("alert")).to_contain_text("WP-02 answered with an error", timeout=PATIENCE_MS)
    dialog.get_by_role("button", name="Cancel").click()
    assert ask(page, "/stations/WP-02/certificates") == []


def test_a_token_keeps_what_it_may(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    page.goto(f"{demo.address}/tokens")
    page.get_by_role("button", name="Add a token").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Token", exact=True).fill("04AABBCCDD0011")
    dialog.locator("summary").click()
    dialog.get_by_label("Priority").fill("3")
    dialog.get_by_label("Message for the driver").fill("Bay 4 is yours")
    dialog.get_by_role("button", name="Add a place").click()
    dialog.get_by_label("Place", exact=True).select_option("station/WP-02")
    dialog.get_by_label("EVSEs: all").fill("1")
    page.get_by_test_id("dialog-submit").click()
    expect(page.get_by_role("main")).to_contain_text("04AABBCCDD0011", timeout=PATIENCE_MS)
    # Changing one thing leaves the others.
    page.get_by_role("button", name="Edit 04AABBCCDD0011").click()
    assert axe_violations(page) == []
    dialog.get_by_label("Label").fill("Van 9")
    page.get_by_test_id("dialog-submit").click()
    expect(page.get_by_role("row").filter(has_text="04AABBCCDD0011")).to_contain_text("Van 9")
    kept = ask(page, "/tokens/04AABBCCDD0011")
    assert (kept["label"], kept["priority"], kept["message"]) == ("Van 9", 3, "Bay 4 is yours")
    assert kept["allowed"] == [{"station_id": "WP-02", "evse_ids": [1]}]
    assert kept["listed"]


@pytest.mark.parametrize("tab", TABS)
def test_axe_finds_nothing_in_a_room(signed_in: Page, demo: Demo, tab: str) -> None:
    page = signed_in
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        page.goto(f"{demo.address}/stations/WP-02?tab={tab}")
        page.get_by_role("main").wait_for()
        page.wait_for_load_state("networkidle")
        assert axe_violations(page) == []


def test_every_room_fits_a_phone(browser: Browser, demo: Demo, signed_in: Page) -> None:
    context = browser.new_context(
        locale="en-GB",
        viewport={"width": 360, "height": 780},
        storage_state=signed_in.context.storage_state(),
    )
    page = context.new_page()
    page.goto(f"{demo.address}/stations/WP-01")
    choice = page.get_by_test_id("tab-choice")
    choice.wait_for()
    for tab in TABS:
        choice.select_option(tab)
        page.wait_for_load_state("networkidle")
        wide = page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert (tab, wide) == (tab, 0)
        assert axe_violations(page) == []
    for other in (
        "/tokens",
        "/reservations",
        "/settings?view=certificates",
        "/settings?view=firmware",
        "/settings?view=security",
        "/settings?view=configurations",
    ):
        page.goto(demo.address + other)
        page.wait_for_load_state("networkidle")
        wide = page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert (other, wide) == (other, 0)
    page.goto(f"{demo.address}/stations/WP-01?tab=actions")
    page.get_by_test_id("action-select").select_option("SetChargingProfile")
    expect(page.get_by_test_id("action-form")).to_contain_text("chargingSchedulePeriod[0]")
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0
    context.close()
