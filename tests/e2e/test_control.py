"""The controller's page in a real browser: what it did and why, what it can't rely on, and safe mode."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Demo
from tests.e2e.test_console import PATIENCE_MS, axe_violations, wait_until_cars_charge


@pytest.fixture
def control(signed_in: Page, demo: Demo) -> Page:
    """The page, with something decided."""
    signed_in.goto(demo.address)
    signed_in.get_by_test_id("ev-power").wait_for(timeout=PATIENCE_MS)
    wait_until_cars_charge(signed_in)
    signed_in.goto(f"{demo.address}/control")
    signed_in.get_by_test_id("decisions").wait_for(timeout=PATIENCE_MS)
    return signed_in


def test_the_tree_shows_what_every_phase_is_used_for(control: Page) -> None:
    ledger = control.get_by_test_id("ledger-grid")
    expect(ledger).to_have_attribute("data-meter", "fresh")
    expect(ledger).to_contain_text("limit 150 A by rating")
    # 41.2 + 18.9 + 12.0 + 3.0 and what is left are the limit, in each phase.
    sums = control.wait_for_function(
        """() => [...document.querySelectorAll('[data-testid="ledger-grid"] .parts')].map((line) =>
            line.textContent.match(/[0-9.]+/g).map(Number).reduce((a, b) => a + b, 0))"""
    ).json_value()
    assert len(sums) == 3
    assert all(abs(total - 150) < 1 for total in sums), sums


def test_a_line_of_the_timeline_says_why(control: Page) -> None:
    cut_or_raise = (
        control.get_by_test_id("decisions").get_by_role("listitem").filter(has_text=re.compile(r"Cut|Raised"))
    )
    expect(cut_or_raise.first).to_be_visible(timeout=PATIENCE_MS)
    cut_or_raise.first.get_by_role("button").first.click()
    panel = control.get_by_test_id("why-panel")
    expect(panel).to_contain_text(re.compile("What was known"), timeout=PATIENCE_MS)
    expect(panel).to_contain_text(re.compile(r"was (held|at|free)|waited|had|could"))
    expect(panel).to_contain_text("Grid connection")
    assert "why=" in control.url
    assert axe_violations(control) == []


def test_the_page_asks_once_and_not_with_each_change(control: Page) -> None:
    asked: list[str] = []
    control.on("request", lambda request: asked.append(request.url))
    control.get_by_test_id("decisions").get_by_role("button").first.click()
    control.get_by_test_id("why-panel").wait_for(timeout=PATIENCE_MS)
    moved = control.get_by_test_id("site-clock").inner_text()
    control.wait_for_function(
        "(before) => document.querySelector('[data-testid=site-clock]').textContent.slice(0, 5) > before",
        arg=moved[:5],
        timeout=PATIENCE_MS,
    )
    assert len([url for url in asked if "/why?" in url]) == 1
    assert not [url for url in asked if "/decisions?" in url]


def test_a_second_is_chosen_with_the_keyboard(control: Page) -> None:
    """And the page's address says which, so that it can be sent to somebody."""
    evse = charging_evse(control)
    control.get_by_test_id("decisions-evse").select_option(evse)
    strip = control.get_by_test_id("decisions-second")
    strip.wait_for()
    strip.focus()
    control.keyboard.press("ArrowLeft")
    expect(control.get_by_test_id("why-panel")).to_be_visible(timeout=PATIENCE_MS)
    assert f"why={evse.replace('/', '%2F')}" in control.url


def charging_evse(page: Page) -> str:
    """STATION/EVSE of one that draws."""
    found: str = page.evaluate(
        """() => fetch("/api/v1/sites/demo/live").then((answer) => answer.json()).then((view) => {
            const one = view.evses.find((evse) => evse.session !== null);
            return `${one.station_id}/${one.evse_id}`;
        })"""
    )
    return found


def test_a_station_out_of_reach_is_unmistakable(control: Page) -> None:
    """Icon, word and colour; and it is in the timeline."""
    station = charging_evse(control).split("/")[0]
    control.evaluate("(id) => fetch(`/api/v1/demo/stations/${id}/unplug`, { method: 'POST' })", station)
    trouble = control.locator("[data-testid=input-trouble][data-word=OFFLINE]")
    expect(trouble).to_have_count(1, timeout=PATIENCE_MS)
    expect(trouble.locator("svg")).to_have_count(1)
    control.evaluate("(id) => fetch(`/api/v1/demo/stations/${id}/plug`, { method: 'POST' })", station)
    expect(trouble).to_have_count(0, timeout=PATIENCE_MS)
    control.reload()
    expect(control.get_by_test_id("decisions")).to_contain_text("Offline", timeout=PATIENCE_MS)


def test_who_got_what_stands_beside_what_drivers_said(control: Page) -> None:
    """The shares are about a minute late, which are three seconds here."""
    fairness = control.get_by_test_id("fairness")
    for _ in range(20):
        fairness.get_by_role("button").first.click()
        if fairness.get_by_role("row").count() > 1:
            break
        control.wait_for_timeout(500)
    row = fairness.get_by_role("row").nth(1)
    expect(row).to_contain_text("kWh", timeout=PATIENCE_MS)
    expect(row).to_contain_text("said nothing")
    expect(fairness).to_contain_text("Evenness")
    assert axe_violations(control) == []


def test_a_limit_on_power_has_its_own_bar(control: Page) -> None:
    limits = "/api/v1/sites/demo/circuits/grid/limits"
    control.evaluate(
        """(limits) => fetch(limits, { method: "PUT", headers: { "content-type": "application/json" },
            body: JSON.stringify({ source: "grid operator", limit_w: 75_000 }) })""",
        limits,
    )
    bar = control.get_by_test_id("ledger-grid").get_by_test_id("row-watts")
    expect(bar).to_contain_text("limit 75.0 kW set by grid operator", timeout=PATIENCE_MS)
    expect(bar.get_by_role("img")).to_have_attribute("aria-label", re.compile(r"^Power: building [1-9]"))
    assert axe_violations(control) == []
    control.evaluate("(limits) => fetch(`${limits}?source=grid%20operator`, { method: 'DELETE' })", limits)
    expect(bar).to_have_count(0, timeout=PATIENCE_MS)


def test_the_rule_of_sharing_is_chosen_and_taken_back(control: Page) -> None:
    def rules() -> dict[str, object]:
        found: dict[str, object] = control.evaluate(
            "() => fetch('/api/v1/sites/demo').then((answer) => answer.json()).then((site) => site.sharing)"
        )
        return found

    before = rules()
    control.get_by_test_id("sharing").click()
    control.get_by_test_id("policy-deadline").check()
    control.get_by_test_id("boosts-at-once").fill("many")
    expect(control.get_by_test_id("dialog-submit")).to_be_disabled()
    control.get_by_test_id("boosts-at-once").fill("2")
    assert axe_violations(control) == []
    control.get_by_test_id("dialog-submit").click()
    expect(control.get_by_test_id("fairness")).to_contain_text("shared by: departure", timeout=PATIENCE_MS)
    assert rules() == {**before, "fairness": "deadline", "boosts_at_once": 2}
    control.get_by_test_id("undo").click()
    expect(control.get_by_test_id("fairness")).to_contain_text("shared by: weights", timeout=PATIENCE_MS)
    assert rules() == before


def test_a_driver_says_in_one_tap_what_it_was_like(browser: Browser, control: Page, demo: Demo) -> None:
    evse = charging_evse(control)
    link = control.evaluate(f"() => fetch('/api/v1/evses/{evse}/link').then((answer) => answer.json())")
    context = browser.new_context(locale="en-GB", viewport={"width": 360, "height": 780})
    page = context.new_page()
    page.goto(f"{demo.address}/e/{link['code']}")
    page.get_by_test_id("rate-2").click(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("rated")).to_contain_text("Thank you", timeout=PATIENCE_MS)
    page.get_by_test_id("rate-4").click()
    expect(page.get_by_test_id("rate-4")).to_have_attribute("aria-pressed", "true", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("rate-2")).to_have_attribute("aria-pressed", "false")
    assert axe_violations(page) == []
    context.close()
    scores = control.evaluate(
        """() => fetch("/api/v1/sites/demo/fairness").then((answer) => answer.json())
            .then((view) => [view.scores, view.mean_score])"""
    )
    assert scores == [1, 4]


def test_a_session_ends_where_it_was_asked_to(control: Page, demo: Demo) -> None:
    evse = charging_evse(control)
    control.goto(demo.address)
    control.get_by_test_id(f"evse-row-{evse.replace('/', '-')}").get_by_test_id("need").click()
    control.get_by_test_id("goal-soc").fill("101")
    expect(control.get_by_test_id("dialog-submit")).to_be_disabled()
    control.get_by_test_id("goal-soc").fill("")
    control.get_by_test_id("goal-energy").fill("0,001")
    assert axe_violations(control) == []
    control.get_by_test_id("dialog-submit").click()
    expect(control.get_by_role("dialog")).to_have_count(0, timeout=PATIENCE_MS)
    # It has charged more than a watt hour already, and a site minute is three seconds.
    control.wait_for_function(
        """(evse) => fetch("/api/v1/sites/demo/live").then((answer) => answer.json())
            .then((view) => view.evses.find((one) => `${one.station_id}/${one.evse_id}` === evse))
            .then((one) => one.session === null)""",
        arg=evse,
        timeout=PATIENCE_MS,
    )


def test_safe_mode_asks_for_a_reason_is_shown_and_audited(control: Page, demo: Demo) -> None:
    control.get_by_test_id("safe-mode").click()
    expect(control.get_by_test_id("dialog-submit")).to_be_disabled()
    control.get_by_test_id("order-reason").fill("A drill at noon")
    assert axe_violations(control) == []
    control.get_by_test_id("dialog-submit").click()
    mode = control.get_by_test_id("site-mode")
    expect(mode).to_have_attribute("data-mode", "safe", timeout=PATIENCE_MS)
    expect(mode).to_contain_text("A drill at noon", timeout=PATIENCE_MS)
    assert axe_violations(control) == []
    control.goto(demo.address)
    expect(control.get_by_role("alert").filter(has_text="Safe mode")).to_be_visible(timeout=PATIENCE_MS)
    control.goto(f"{demo.address}/control")
    control.get_by_test_id("safe-mode").click()
    control.get_by_test_id("order-reason").fill("The drill is over")
    control.get_by_test_id("dialog-submit").click()
    expect(control.get_by_test_id("site-mode")).to_have_attribute("data-mode", "normal", timeout=PATIENCE_MS)
    audit = control.evaluate(
        "() => fetch('/api/v1/audit?actor=user:owner&limit=20').then((answer) => answer.json())"
    )
    assert "A drill at noon" in json.dumps(audit)
    assert "The drill is over" in json.dumps(audit)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_fits_a_phone(browser: Browser, demo: Demo, control: Page, scheme: str) -> None:
    evse, now = (
        charging_evse(control),
        control.evaluate(
            "() => fetch('/api/v1/sites/demo/live').then((a) => a.json()).then((view) => view.at)"
        ),
    )
    context = browser.new_context(
        locale="de-DE",
        viewport={"width": 360, "height": 780},
        storage_state=control.context.storage_state(),
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.goto(f"{demo.address}/control?why={evse}&at={now}")
    expect(page.get_by_test_id("why-panel")).to_contain_text("Was bekannt war", timeout=PATIENCE_MS)
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0
    assert axe_violations(page) == []
    context.close()
