"""A whole demo on PostgreSQL, whose server goes away and comes back while cars charge."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.fixtures.postgres import postgres_server

from .conftest import end_demo, start_demo


def test_the_console_tells_that_the_server_is_gone_and_all_goes_on_when_it_is_back(
    tmp_path: Path, browser: Browser
) -> None:
    with postgres_server() as server:
        demo = start_demo(tmp_path, "--speed", "20", "--day", "2026-09-15", "--database", server.dsn)
        context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 1000})
        try:
            page = context.new_page()
            page.goto(demo.link)
            clock = page.get_by_test_id("site-clock")
            clock.wait_for(timeout=30_000)
            banner = page.get_by_test_id("store-trouble")
            expect(banner).to_have_count(0)
            server.kill()
            expect(banner).to_contain_text("The server can't be reached.")
            expect(banner).to_contain_text("See that the server runs")
            # The site is watched and controlled all the same.
            before = clock.inner_text()
            expect(clock).not_to_have_text(before)
            expect(page.get_by_test_id("feed-lost")).to_have_count(0)
            page.screenshot(path=tmp_path / "store-trouble.png")
            page.reload()  # nobody is signed out by it
            expect(banner).to_contain_text("The server can't be reached.")
            page.screenshot(path=tmp_path / "reloaded.png")
            server.start()
            clock.wait_for()
            expect(banner).to_have_count(0)
        finally:
            context.close()
            said = end_demo(demo)
    assert "nothing was lost" in said, said
