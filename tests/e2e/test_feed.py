"""What a person sees when the live feed limps: a gap heals unseen, a lost socket is said in words; and odd
browsers work.

The demo is real; only its socket to the page is cut or robbed of messages on the way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, WebSocketRoute, expect

from tests.e2e.conftest import Demo

PATIENCE_MS = 30_000


@pytest.fixture
def context(browser: Browser, signed_in: Page) -> Iterator[BrowserContext]:
    """A fresh profile of the person who is signed in."""
    opened = browser.new_context(locale="en-GB", storage_state=signed_in.context.storage_state())
    yield opened
    opened.close()


class Wire:
    """Stands between the page and the server's live feed, and can lose deltas or hang up."""

    def __init__(self) -> None:
        self.lose = 0
        self.lost = 0
        self.refuse = False
        self.refused = 0
        self.asked: list[str] = []
        self.snapshots = 0
        self.page: WebSocketRoute | None = None

    def open(self, page: WebSocketRoute) -> None:
        if self.refuse:
            self.refused += 1
            page.close(code=1012, reason="restarting")
            return
        self.page = page
        server = page.connect_to_server()

        def to_page(frame: str | bytes) -> None:
            message = json.loads(frame)
            if message["type"] == "snapshot":
                self.snapshots += 1
            elif self.lose:
                self.lose -= 1
                self.lost += 1
                return
            page.send(frame)

        def to_server(frame: str | bytes) -> None:
            self.asked.append(str(frame))
            server.send(frame)

        server.on_message(to_page)
        page.on_message(to_server)


def test_a_gap_in_the_feed_asks_for_a_snapshot_and_stays_live(context: BrowserContext, demo: Demo) -> None:
    wire = Wire()
    page = context.new_page()
    page.route_web_socket(re.compile("/api/v1/live"), wire.open)
    page.goto(demo.address)
    state = page.get_by_test_id("feed-state")
    expect(state).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)
    assert wire.snapshots == 1
    wire.lose = 1
    while wire.snapshots < 2:  # bounded by the test's own patience: the site changes several times a second
        page.wait_for_timeout(50)
    assert (wire.lost, len(wire.asked)) == (1, 1)
    expect(state).to_have_attribute("data-state", "live")
    assert page.get_by_test_id("feed-lost").count() == 0


def test_a_lost_feed_is_said_and_comes_back(context: BrowserContext, demo: Demo) -> None:
    wire = Wire()
    page = context.new_page()
    page.route_web_socket(re.compile("/api/v1/live"), wire.open)
    page.goto(demo.address)
    state = page.get_by_test_id("feed-state")
    expect(state).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)
    assert wire.page is not None
    wire.refuse = True
    wire.page.close(code=1012, reason="restarting")
    expect(state).to_have_attribute("data-state", "lost", timeout=PATIENCE_MS)
    banner = page.get_by_test_id("feed-lost")
    expect(banner).to_contain_text(re.compile(r"as of \d\d:\d\d:\d\d and no longer live"))
    expect(banner).to_contain_text(re.compile(r"Next attempt in \d+\ss|Trying now"))
    # What is old is grey, stands still, and can't be acted upon.
    clock = page.get_by_test_id("site-clock").inner_text()
    countdown = banner.inner_text()
    expect(banner).not_to_have_text(countdown, use_inner_text=True)
    expect(page.locator("dl.figures")).to_have_class(re.compile("stale-values"))
    expect(page.get_by_test_id("apply-limit")).to_be_disabled()
    expect(page.get_by_role("radio", name="Uncontrolled")).to_be_disabled()
    assert page.get_by_test_id("site-clock").inner_text() == clock
    # The button tries at once. The socket is let in only then: an attempt of the page's own could come first,
    # and the button would be gone.
    refused = wire.refused
    banner.get_by_role("button").click()
    while wire.refused == refused:
        page.wait_for_timeout(20)
    wire.refuse = False
    expect(state).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)
    expect(banner).to_have_count(0)


TRIGGER = """() => fetch("/api/v1/stations/WP-02/commands/trigger", {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ message: "Heartbeat" })
}).then((answer) => answer.json())"""


def test_no_message_falls_between_the_log_and_its_live_tail(context: BrowserContext, demo: Demo) -> None:
    """One that passes while the tail is not open, and one that passes while the log is on its way."""
    page = context.new_page()
    refuse = True
    told: list[str] = []
    held: list[Route] = []

    def tail(opened: WebSocketRoute) -> None:
        if refuse:
            opened.close(code=1012, reason="restarting")
            return

        def to_page(frame: str | bytes) -> None:
            opened.send(frame)
            told.append(str(frame))

        opened.connect_to_server().on_message(to_page)

    page.route_web_socket(re.compile("/messages/live"), tail)
    page.goto(f"{demo.address}/stations/WP-02")
    messages = page.get_by_test_id("messages")
    expect(messages).to_contain_text("BootNotification", timeout=PATIENCE_MS)
    asked = messages.get_by_role("listitem").filter(has_text='"TriggerMessage"')
    assert page.evaluate(TRIGGER)["result"] == "accepted"
    expect(page.get_by_role("main")).to_contain_text("connection lost", timeout=PATIENCE_MS)
    refuse = False
    expect(asked).to_have_count(1, timeout=PATIENCE_MS)
    # The page that is read next comes only when the tail has told of what passed since.
    page.route(re.compile("/api/v1/messages[?]"), lambda route: held.append(route))
    page.get_by_label("Direction").select_option("out")
    while not held:
        page.wait_for_timeout(20)
    answer = held[0].fetch()
    before = len(told)
    assert page.evaluate(TRIGGER)["result"] == "accepted"
    while not any('"TriggerMessage' in frame for frame in told[before:]):
        page.wait_for_timeout(20)
    held[0].fulfill(response=answer)
    page.unroute_all()
    expect(asked).to_have_count(2, timeout=PATIENCE_MS)


@pytest.mark.parametrize(
    ("languages", "spoken", "heading"),
    [
        (["en-US@posix"], "en", "Sessions"),
        (["de-AT", "en"], "de", "Fahrzeuge am Kabel"),
        (["fr", "de"], "de", "Fahrzeuge am Kabel"),
        (["fr"], "en", "Sessions"),
    ],
)
def test_the_console_speaks_the_first_language_it_knows(
    context: BrowserContext, demo: Demo, languages: list[str], spoken: str, heading: str
) -> None:
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.add_init_script(
        f"Object.defineProperty(navigator, 'languages', {{ get: () => {json.dumps(languages)} }});"
        f"Object.defineProperty(navigator, 'language', {{ get: () => {json.dumps(languages[0])} }});"
    )
    page.goto(demo.address)
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate("document.documentElement.lang") == spoken
    assert troubles == []


def test_a_choice_of_theme_and_language_is_kept(context: BrowserContext, demo: Demo) -> None:
    page = context.new_page()
    page.goto(demo.address)
    page.get_by_test_id("theme").click()  # the system's -> dark
    page.get_by_test_id("theme").click()  # dark -> light
    page.get_by_label("Language").select_option("de")
    page.reload()
    expect(page.get_by_role("heading", name="Stromkreise")).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
