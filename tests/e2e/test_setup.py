"""A site is built, changed and released in a real browser, on a node with simulated stations."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Demo
from tests.e2e.test_console import PATIENCE_MS, axe_violations


@pytest.fixture
def setup(signed_in: Page, demo: Demo) -> Iterator[Page]:
    """The flow's first step; what a browser says of errors is a failure."""
    problems: list[str] = []
    signed_in.on("pageerror", lambda problem: problems.append(str(problem)))
    signed_in.goto(f"{demo.address}/setup")
    checked(signed_in)
    yield signed_in
    assert problems == []


def checked(page: Page) -> None:
    """The draft as it stands has been looked at."""
    page.get_by_test_id("tree").wait_for(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("check-state")).to_have_attribute(
        "data-checking", "false", timeout=PATIENCE_MS
    )


def test_a_new_site_is_drawn_built_assessed_and_released(setup: Page, demo: Demo) -> None:
    setup.goto(f"{demo.address}/setup/tree?site=new")
    setup.get_by_test_id("new-name").fill("Harbour South")
    setup.get_by_test_id("begin").click()
    checked(setup)
    expect(setup.get_by_test_id("point-no_base")).to_contain_text("give it a meter or a reserve")
    setup.get_by_test_id("edit-grid").click()
    setup.get_by_test_id("circuit-rating").fill("80")
    setup.get_by_test_id("circuit-reserve").fill("60")
    setup.get_by_test_id("dialog-submit").click()
    for number in ("1", "2", "3"):
        setup.get_by_test_id("add-evse-grid").click()
        setup.get_by_test_id("evse-station").fill(f"HS-{number}")
        setup.get_by_test_id("evse-phases").select_option("1")
        setup.get_by_test_id("evse-safe").fill("12")
        setup.get_by_test_id("dialog-submit").click()
    wrong = setup.get_by_test_id("point-offline_sum")
    expect(wrong).to_contain_text(
        "L2: safe currents 36 A + worst base 60 A = 96 A > 80 A. Lower the safe current of HS-1/1",
        timeout=PATIENCE_MS,
    )
    assert axe_violations(setup) == []
    # What has been drawn outlives the page.
    setup.reload()
    expect(wrong).to_be_visible(timeout=PATIENCE_MS)
    for number in ("1", "2"):
        setup.get_by_test_id(f"edit-HS-{number}/1").click()
        setup.get_by_test_id("evse-safe").fill("0")
        setup.get_by_test_id("dialog-submit").click()
    setup.get_by_test_id("undo").click()
    expect(wrong).to_be_visible(timeout=PATIENCE_MS)
    setup.get_by_test_id("redo").click()
    expect(wrong).to_have_count(0, timeout=PATIENCE_MS)
    setup.get_by_test_id("apply").click()
    setup.wait_for_url("**/setup/meters?site=harbour-south", timeout=PATIENCE_MS)
    expect(setup.get_by_test_id("meter-grid")).to_contain_text("60 A per phase count", timeout=PATIENCE_MS)
    setup.get_by_test_id("step-stations").click()
    expect(setup.get_by_test_id("station-HS-1")).to_contain_text("never seen", timeout=PATIENCE_MS)
    setup.get_by_test_id("password-HS-1").click()
    expect(setup.get_by_test_id("station-HS-1")).to_contain_text(re.compile("[0-9a-f]{20}"))
    setup.get_by_test_id("step-report").click()
    expect(setup.get_by_test_id("release")).to_be_disabled()
    setup.get_by_test_id("run-all").click()
    expect(setup.get_by_test_id("assessed-offline_sum")).to_have_attribute(
        "data-state", "passed", timeout=PATIENCE_MS
    )
    expect(setup.get_by_test_id("release")).to_be_enabled(timeout=PATIENCE_MS)
    assert axe_violations(setup) == []
    with setup.expect_download() as report:
        setup.get_by_test_id("report-pdf").click()
    assert report.value.path().read_bytes().startswith(b"%PDF")
    setup.get_by_test_id("release").click()
    setup.get_by_test_id("confirm").click()
    expect(setup.get_by_test_id("release-state")).to_have_attribute(
        "data-released", "true", timeout=PATIENCE_MS
    )


def test_a_working_site_is_changed_and_loses_nothing(setup: Page, demo: Demo) -> None:
    setup.get_by_test_id("edit-grid").click()
    setup.get_by_test_id("circuit-name").fill("Intake")
    setup.get_by_test_id("dialog-submit").click()
    setup.get_by_test_id("step-devices").click()
    setup.get_by_test_id("add-device").click()
    setup.get_by_test_id("device-name").fill("Cellar battery")
    setup.get_by_test_id("device-protocol").select_option("none")
    setup.get_by_test_id("dialog-submit").click()
    expect(setup.get_by_test_id("device-cellar-battery")).to_contain_text("5.0 kW are set aside")
    # The draft has stayed, and using it does not undo the device.
    setup.get_by_test_id("step-tree").click()
    checked(setup)
    setup.get_by_test_id("apply").click()
    expect(setup.get_by_test_id("unsaved")).to_have_count(0, timeout=PATIENCE_MS)
    built = setup.evaluate("() => fetch('/api/v1/sites/demo').then((answer) => answer.json())")
    assert built["circuits"][0]["name"] == "Intake"
    assert [device["device_id"] for device in built["devices"]] == ["cellar-battery"]
    assert built["commissioned"]


def test_a_meter_is_read_for_trial_and_says_what_it_saw(setup: Page) -> None:
    setup.get_by_test_id("step-meters").click()
    setup.get_by_test_id("set-meter-grid").click()
    setup.get_by_test_id("test-meter").click()
    trial = setup.get_by_test_id("meter-trial")
    expect(trial).to_have_attribute("data-usable", "true", timeout=PATIENCE_MS)
    expect(trial).to_contain_text(re.compile(r"L1 \(its L1\): [\d.]+ A from the grid"))
    setup.get_by_test_id("meter-address").fill("127.0.0.1:9/1")
    setup.get_by_test_id("test-meter").click()
    expect(trial).to_have_attribute("data-usable", "false", timeout=PATIENCE_MS)
    assert axe_violations(setup) == []
    setup.keyboard.press("Escape")


def test_a_station_is_probed_and_a_step_is_given_up(setup: Page) -> None:
    setup.get_by_test_id("step-stations").click()
    station = setup.get_by_test_id("station-WP-20")
    expect(station).to_contain_text("base profiles read back", timeout=PATIENCE_MS)
    setup.get_by_test_id("probe-WP-20").click()
    expect(setup.get_by_test_id("probed-WP-20")).to_contain_text("passed", timeout=PATIENCE_MS)
    setup.wait_for_function(
        """() => fetch("/api/v1/sites/demo/live").then((answer) => answer.json())
            .then((view) => view.evses.some((evse) => evse.session !== null))""",
        timeout=PATIENCE_MS,
    )
    setup.get_by_test_id("step-cable_pull").click()
    setup.get_by_test_id("run-cable_pull").click()
    running = setup.get_by_test_id("assessment-running")
    expect(running).to_contain_text("Pull the network cable of a station that charges", timeout=PATIENCE_MS)
    expect(running).to_contain_text("15 min at most")
    assert axe_violations(setup) == []
    setup.get_by_test_id("cancel-assessment").click()
    expect(running).to_have_count(0, timeout=PATIENCE_MS)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_fits_a_phone(browser: Browser, demo: Demo, setup: Page, scheme: str) -> None:
    context = browser.new_context(
        locale="de-DE",
        viewport={"width": 360, "height": 780},
        storage_state=setup.context.storage_state(),
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.goto(f"{demo.address}/setup")
    checked(page)
    for step in ("tree", "stations", "report"):
        page.get_by_label("Schritte").last.select_option(step)
        page.get_by_role("heading", level=2).wait_for()
        wide = page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert (step, wide) == (step, 0)
        assert axe_violations(page) == []
    context.close()
