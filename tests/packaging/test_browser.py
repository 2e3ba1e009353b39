"""The Chromium that `./dev test` provides shows pages, draws WebGL and speaks a language that Intl knows."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

PAGE = b"<!doctype html><title>Depot</title><canvas></canvas><p>ready at <b>7</b></p>"


class _OnePage(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:
        """No lines in the test's output."""


@pytest.fixture
def address() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _OnePage)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_is_shown(page: Page, address: str) -> None:
    page.goto(address)
    assert page.title() == "Depot"
    assert page.get_by_text("ready at").inner_text() == "ready at 7"
    assert (
        page.locator("b").evaluate("element => element.getBoundingClientRect().width") > 0
    )  # a font is there


def test_webgl_draws_without_a_graphics_card(page: Page, address: str) -> None:
    page.goto(address)
    assert page.locator("canvas").evaluate("canvas => canvas.getContext('webgl2') !== null")


def test_the_language_suits_intl(page: Page, address: str) -> None:
    page.goto(address)
    assert page.evaluate("new Intl.NumberFormat(navigator.language).format(1234.5)") == "1,234.5"
