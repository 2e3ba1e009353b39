"""The console in a real browser on a live demo: what people do, and what follows from it on the wire."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.e2e.conftest import Demo

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE_MS = 45_000
"""Three quarters of a minute is fifteen at the site: ramps and raises have long come to rest."""

CHARGING_ROWS = "tr[data-testid^='evse-row-'][data-online='true']"


def bars(page: Page) -> list[dict[str, float]]:
    """The three phase bars as the page draws them: amperes of base, cars, reserve and limit."""
    found: list[dict[str, float]] = page.evaluate(
        """() => ["L1", "L2", "L3"].map((name) => {
            const bar = document.querySelector(`[data-testid="phase-bar-${name}"]`);
            const { baseA, evA, reserveA, limitA } = bar.dataset;
            return { base: +baseA, ev: +evA, reserve: +reserveA, limit: +limitA };
        })"""
    )
    return found


def wait_until_cars_charge(page: Page) -> None:
    """Until the cars together take 20 kW."""
    page.wait_for_function(
        "() => parseFloat(document.querySelector('[data-testid=ev-power]').textContent) > 20",
        timeout=PATIENCE_MS,
    )


def charging(page: Page) -> dict[str, Any]:
    """The EVSE that will charge for longest, as the API shows it: the car needs the most and draws. Which row
    is the first or the last may change between two looks, and a car that is nearly full may end meanwhile.
    """
    found: dict[str, Any] = page.wait_for_function(
        """async () => {
            const view = await (await fetch("/api/v1/sites/demo/live")).json();
            const left = (evse) => (evse.session.need_wh ?? 20_000) - evse.session.energy_wh;
            const drawing = view.evses.filter((evse) =>
                evse.online && evse.session?.state === "charging" && evse.power_w > 1_000
                && document.querySelector(`[data-testid="evse-row-${evse.station_id}-${evse.evse_id}"]`));
            return drawing.toSorted((a, b) => left(b) - left(a))[0];
        }""",
        timeout=PATIENCE_MS,
    ).json_value()
    return found


def row_of(page: Page, evse: dict[str, Any]) -> Locator:
    """Its row in the table."""
    return page.get_by_test_id(f"evse-row-{evse['station_id']}-{evse['evse_id']}")


def axe_violations(page: Page) -> list[str]:
    """What axe finds on the page as it stands, each with the first element that has it."""
    page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(
        """() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] })
            .then((result) => result.violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 160)}`))"""
    )
    return found


def test_a_link_signs_in_once(demo: Demo, signed_in: Page, browser: Browser) -> None:
    expect(signed_in.get_by_test_id("feed-state")).to_have_attribute("data-state", "live")
    assert "code=" not in signed_in.url
    context = browser.new_context(locale="en-GB")
    second = context.new_page()
    second.goto(demo.link)
    expect(second.get_by_role("main")).to_contain_text(re.compile("used|expired|no longer", re.I))
    assert second.get_by_test_id("site-clock").count() == 0
    context.close()


def test_the_limit_is_lowered_and_the_bars_follow(signed_in: Page) -> None:
    page = signed_in
    wait_until_cars_charge(page)
    before = bars(page)
    assert all(bar["limit"] == 150 for bar in before)
    lower = round(max(bar["base"] for bar in before) + 45)
    page.get_by_test_id("limit-input").first.fill(str(lower))
    page.get_by_test_id("apply-limit").click()
    page.wait_for_function(
        """(limit) => ["L1", "L2", "L3"].every((name) => {
            const bar = document.querySelector(`[data-testid="phase-bar-${name}"]`);
            const { baseA, evA, limitA } = bar.dataset;
            return +limitA === limit && +baseA + +evA <= limit + 0.5;
        })""",
        arg=lower,
        timeout=PATIENCE_MS,
    )
    expect(page.get_by_test_id("limit-state")).to_have_attribute(
        "data-state", "in-force", timeout=PATIENCE_MS
    )
    page.get_by_test_id("undo").first.click()
    page.wait_for_function(
        "() => document.querySelector(\"[data-testid='phase-bar-L1']\").dataset.limitA === '150.00'",
        timeout=PATIENCE_MS,
    )


def test_every_car_says_why_it_gets_no_more(signed_in: Page) -> None:
    wait_until_cars_charge(signed_in)
    sentences = signed_in.locator(f"{CHARGING_ROWS} [data-testid=why]").all_inner_texts()
    assert sentences
    assert all(len(sentence.strip()) > 8 for sentence in sentences)


def test_a_station_is_unplugged_and_its_reserve_appears(signed_in: Page) -> None:
    page = signed_in
    wait_until_cars_charge(page)
    evse = charging(page)
    # What it may draw unheard is set aside at once, on the bars as well: all that it was promised, whatever
    # it drew when it was heard last. Others' reserves come and go: stations that have not proved yet that
    # they obey have some, too. The page notes it itself, picture by picture: the promise ends with its lease,
    # seconds later at the demo's speed, and on a loaded machine the test may look later than that.
    page.evaluate(
        """({ station_id, evse_id, phases }) => {
            window.pictures = [];
            const look = () => {
                const row = document.querySelector(`[data-testid="evse-row-${station_id}-${evse_id}"]`);
                const shown = ["L1", "L2", "L3"].reduce((sum, name) =>
                    sum + +document.querySelector(`[data-testid="phase-bar-${name}"]`).dataset.reserveA, 0);
                const may = row?.querySelector(".amps small").textContent.match(/[0-9.]+/);
                const promised = phases.length * parseFloat(may);
                window.pictures.push({ online: row?.dataset.online, promised, shown, why: row?.textContent });
            };
            window.looking = new MutationObserver(look);
            window.looking.observe(document.body, { subtree: true, childList: true, attributes: true });
        }""",
        evse,
    )
    row = row_of(page, evse)
    row.get_by_test_id("pull-plug").click()
    page.wait_for_function(
        """() => window.pictures.some(({ online, promised, shown, why }) => online === "false"
            && promised >= 6 && shown > promised - 0.5 && why.includes("Station not reachable"))""",
        timeout=PATIENCE_MS,
    )
    page.evaluate("() => window.looking.disconnect()")
    row.get_by_test_id("pull-plug").click()
    expect(row).to_have_attribute("data-online", "true", timeout=PATIENCE_MS)


def test_pause_holds_a_car_at_zero_and_resume_lets_it_go_on(signed_in: Page) -> None:
    page = signed_in
    wait_until_cars_charge(page)
    evse = charging(page)
    row = row_of(page, evse)
    row.get_by_test_id("pause").click()
    expect(row).to_contain_text("Paused", timeout=PATIENCE_MS)
    expect(row.locator(".power b")).to_have_text("0.0", timeout=PATIENCE_MS)
    row.get_by_test_id("pause").click()
    expect(row).not_to_contain_text("Paused", timeout=PATIENCE_MS)
    audit = page.evaluate("() => fetch('/api/v1/audit?limit=50').then((answer) => answer.json())")
    assert "pause" in json.dumps(audit)


def test_stop_asks_first_and_ends_the_transaction(signed_in: Page) -> None:
    page = signed_in
    wait_until_cars_charge(page)
    evse = charging(page)
    row_of(page, evse).get_by_test_id("stop").click()
    page.get_by_test_id("confirm").click()
    page.wait_for_function(
        "(id) => fetch(`/api/v1/transactions/${id}`).then((a) => a.json())"
        ".then((row) => (row.state ?? row.transaction?.state) === 'ended')",
        arg=evse["session"]["transaction_id"],
        timeout=PATIENCE_MS,
    )


def test_a_station_shows_its_raw_messages_and_takes_commands(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    wait_until_cars_charge(page)
    station = charging(page)["station_id"]
    page.goto(f"{demo.address}/stations/{station}")
    expect(page.get_by_test_id("station-state")).to_have_attribute("data-online", "true", timeout=PATIENCE_MS)
    messages = page.get_by_test_id("messages")
    expect(messages).to_contain_text(re.compile("TransactionEvent|MeterValues"), timeout=PATIENCE_MS)
    answer = page.evaluate(
        """(station) => fetch(`/api/v1/stations/${station}/commands/trigger`, {
            method: "POST", headers: { "content-type": "application/json" },
            body: JSON.stringify({ message: "Heartbeat" }) }).then((a) => a.json())""",
        station,
    )
    assert answer["result"] == "accepted"
    expect(messages).to_contain_text("TriggerMessage", timeout=PATIENCE_MS)
    page.goto(demo.address)
    page.get_by_test_id("site-clock").wait_for()


def turned_away(demo: Demo, path: str, offer: str) -> None:
    """Ask for a WebSocket that will be refused."""
    with pytest.raises(InvalidStatus):
        connect(demo.ocpp + path, subprotocols=[Subprotocol(offer)], proxy=None)


def test_the_doctor_says_why_a_station_does_not_appear(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    for _ in range(3):
        turned_away(demo, "/ocpp/VAN-DEPOT-7", "ocpp2.0.1")
    turned_away(demo, "/ocpp/WP-03", "ocpp1.6")
    page.goto(f"{demo.address}/settings")
    stranger = page.get_by_test_id("finding").filter(has_text="VAN-DEPOT-7")
    expect(stranger).to_have_count(1, timeout=PATIENCE_MS)
    expect(stranger).to_contain_text("3 times", timeout=PATIENCE_MS)
    expect(stranger).to_contain_text("Register the station under exactly this id")
    expect(stranger).to_contain_text("ocpp2.0.1")
    page.get_by_role("searchbox").fill("wp-03")
    # On a machine under load a station of the demo may have lost its connection, too: that is a finding more.
    expect(stranger).to_have_count(0, timeout=PATIENCE_MS)
    missing = page.get_by_test_id("finding").filter(has_text="password is missing")
    expect(missing).to_have_count(1, timeout=PATIENCE_MS)
    page.get_by_role("searchbox").fill("")
    page.get_by_label("What is shown").select_option("rejected/unknown")
    expect(page.get_by_test_id("finding")).to_have_count(1, timeout=PATIENCE_MS)
    page.goto(f"{demo.address}/stations/WP-03?tab=connections")
    own = page.get_by_test_id("finding").filter(has_text="password is missing")
    expect(own).to_contain_text("BasicAuthPassword", timeout=PATIENCE_MS)
    assert axe_violations(page) == []


def test_the_message_log_is_searched_and_exported(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    page.goto(f"{demo.address}/settings?view=messages")
    expect(page.get_by_test_id("message-retention")).to_contain_text("14 days", timeout=PATIENCE_MS)
    page.get_by_test_id("message-station").fill("WP-02")
    page.get_by_test_id("message-action").fill("BootNotification")
    messages = page.get_by_test_id("messages")
    expect(messages.get_by_role("listitem")).to_have_count(2, timeout=PATIENCE_MS)
    messages.get_by_role("button").last.click()
    expect(page.get_by_test_id("exchange")).to_contain_text("Kestrel", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("exchange")).to_contain_text('"status": "Accepted"', timeout=PATIENCE_MS)
    assert axe_violations(page) == []
    with page.expect_download() as download:
        page.get_by_test_id("export-jsonl").click()
    rows = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    assert {(row["station_id"], row["action"]) for row in rows} == {("WP-02", "BootNotification")}
    page.get_by_test_id("message-text").fill("no such words")
    expect(page.get_by_role("main")).to_contain_text("No message matches", timeout=PATIENCE_MS)


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize(
    "path", ["/", "/control", "/stations", "/stations/WP-01", "/transactions", "/tokens", "/settings"]
)
def test_axe_finds_nothing(signed_in: Page, demo: Demo, path: str, scheme: str) -> None:
    page = signed_in
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.goto(demo.address + path)
    page.get_by_role("main").wait_for()
    page.wait_for_load_state("networkidle")
    assert axe_violations(page) == []


def test_no_request_leaves_the_machine(browser: Browser, demo: Demo, signed_in: Page) -> None:
    context = browser.new_context(locale="de-DE", storage_state=signed_in.context.storage_state())
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    for path in ("/", "/control", "/stations", "/stations/WP-01", "/transactions", "/tokens", "/settings"):
        page.goto(demo.address + path)
        page.wait_for_load_state("networkidle")
    host = demo.address.removeprefix("http://")
    foreign = [
        url for url in asked if not url.startswith((f"http://{host}", f"ws://{host}", "data:", "blob:"))
    ]
    assert len(asked) > 20
    assert foreign == []
    context.close()


def test_a_driver_reads_the_state_behind_the_qr_code(browser: Browser, demo: Demo, signed_in: Page) -> None:
    link = signed_in.evaluate("() => fetch('/api/v1/evses/WP-01/1/link').then((answer) => answer.json())")
    context = browser.new_context(locale="de-DE", viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{demo.address}/e/{link['code']}")
    expect(page.get_by_test_id("driver-state")).not_to_be_empty(timeout=PATIENCE_MS)
    assert page.evaluate("() => document.documentElement.lang") == "de"
    assert axe_violations(page) == []
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0
    # Nothing personal, and nothing to command with: nobody is signed in here.
    told = page.evaluate(
        f"() => fetch('/api/v1/public/evses/{link['code']}').then((answer) => answer.json())"
    )
    assert "token" not in json.dumps(told)
    assert page.evaluate("() => fetch('/api/v1/sites').then((answer) => answer.status)") == 401
    context.close()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/stations/WP-03?tab=connections",
        "/settings",
        "/settings?view=refused",
        "/settings?view=messages",
    ],
)
def test_the_console_fits_a_phone(browser: Browser, demo: Demo, signed_in: Page, path: str) -> None:
    context = browser.new_context(
        locale="en-GB",
        viewport={"width": 360, "height": 780},
        storage_state=signed_in.context.storage_state(),
    )
    page = context.new_page()
    page.goto(demo.address + path)
    page.get_by_test_id("site-clock").wait_for()
    if path == "/":
        page.get_by_test_id("phase-bar-L1").wait_for()
    page.wait_for_load_state("networkidle")
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0
    assert axe_violations(page) == []
    context.close()
