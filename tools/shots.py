"""Makes the README's screenshots: a demo of its own, driven in Chromium to a busy hour, looked at from all
sides.

`python tools/shots.py [FOLDER]` writes docs/images/*.png (or into FOLDER). It takes about three minutes: the
site runs an hour a minute until ten in the morning.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from hatch_build import find_node  # noqa: E402
from tools.bootstrap_browser import REMEDY, find_browser  # noqa: E402

DAY = "2026-09-15"
BUSY_FROM = "09:40"
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-quic"]


def start_demo() -> tuple[subprocess.Popen[str], str, str]:
    """The demo's process, address and one-time link."""
    command = [sys.executable, "-m", "ampacity", "demo", "--day", DAY, "--speed", "60"]
    process = subprocess.Popen(
        [*command, "--http-port", "0", "--ocpp-port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"Open\s+(http://[\d.:]+)(\S*)", line)
        if found:
            return process, found[1], found[1] + found[2]
    raise SystemExit(f"the demo ended with {process.wait()}")


def sign_in(browser: Browser, link: str) -> BrowserContext:
    """A browser profile that has followed the link."""
    context = browser.new_context(
        locale="en-GB", viewport={"width": 1440, "height": 1000}, color_scheme="dark"
    )
    page = context.new_page()
    page.goto(link)
    page.get_by_test_id("site-clock").wait_for(timeout=60_000)
    return context


def wait_for_a_busy_hour(page: Page) -> None:
    """Until the site's clock says ten to ten or so; the page's own clock tells."""
    page.wait_for_function(
        "(from) => document.querySelector('[data-testid=site-clock]').textContent.trim() >= from",
        arg=BUSY_FROM,
        timeout=600_000,
    )


def pictures(browser: Browser, context: BrowserContext, address: str, folder: Path) -> None:
    """Take them all."""
    page = context.pages[0]
    page.goto(address)
    page.get_by_test_id("site-clock").wait_for()
    page.emulate_media(color_scheme="dark")
    wait_for_a_busy_hour(page)
    show_two_hours = page.get_by_text("2 h", exact=True)
    if show_two_hours.count():
        show_two_hours.first.click()
    page.wait_for_timeout(1500)
    page.screenshot(path=folder / "site-dark.png")
    page.emulate_media(color_scheme="light")
    page.wait_for_timeout(1500)
    page.screenshot(path=folder / "site-light.png")
    view = page.evaluate("() => fetch('/api/v1/sites/demo/live').then((answer) => answer.json())")
    charging = [item for item in view["evses"] if item["session"] and item["power_w"] > 1000]
    chosen = charging[0] if charging else view["evses"][0]
    station, evse = chosen["station_id"], chosen["evse_id"]
    page.emulate_media(color_scheme="dark")
    page.goto(f"{address}/stations/{station}")
    page.get_by_test_id("messages").wait_for()
    page.wait_for_timeout(1500)
    page.screenshot(path=folder / "station-dark.png")
    link = page.evaluate(
        "([station, evse]) => fetch(`/api/v1/evses/${station}/${evse}/link`).then((answer) => answer.json())",
        [station, evse],
    )
    small = {"width": 390, "height": 844}
    for name, language, path, scheme in (
        ("driver-phone", "en-GB", f"/e/{link['code']}", "light"),
        ("driver-phone-de", "de-DE", f"/e/{link['code']}", "dark"),
    ):
        phone = browser.new_context(
            locale=language, viewport=small, device_scale_factor=2, color_scheme=scheme
        )
        driver = phone.new_page()
        driver.goto(address + path)
        driver.get_by_test_id("driver-state").wait_for()
        driver.wait_for_timeout(1000)
        driver.screenshot(path=folder / f"{name}.png")
        phone.close()
    phone = browser.new_context(
        locale="de-DE", viewport=small, device_scale_factor=2, color_scheme="dark",
        storage_state=context.storage_state(),
    )  # fmt: skip
    console = phone.new_page()
    console.goto(address)
    console.get_by_test_id("phase-bar-L1").wait_for()
    console.wait_for_timeout(1500)
    console.screenshot(path=folder / "site-phone-de.png")
    phone.close()


def setting_up(context: BrowserContext, address: str, folder: Path) -> None:
    """A draft of the site's circuits that does not fit when nobody controls."""
    page = context.pages[0]
    page.emulate_media(color_scheme="light")
    page.goto(f"{address}/setup/tree")
    page.get_by_test_id("edit-grid").click()
    page.get_by_test_id("circuit-reserve").fill("145")
    page.get_by_test_id("dialog-submit").click()
    page.get_by_test_id("point-offline_sum").wait_for()
    page.wait_for_timeout(1000)
    page.screenshot(path=folder / "setup-light.png")
    page.get_by_test_id("discard").click()


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    chromium = find_browser(ROOT)
    if chromium is None:
        raise SystemExit(f"No Chromium: {REMEDY}")
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", find_node(ROOT).executable)
    process, address, link = start_demo()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            context = sign_in(browser, link)
            setting_up(context, address, folder)
            pictures(browser, context, address, folder)
            browser.close()
    finally:
        process.terminate()
        process.wait(60)
    for picture in sorted(folder.glob("*.png")):
        size = picture.stat().st_size // 1024
        print(f"{picture.relative_to(ROOT) if picture.is_relative_to(ROOT) else picture}  {size} kB")


if __name__ == "__main__":
    main()
