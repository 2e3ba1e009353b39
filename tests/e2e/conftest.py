"""A whole demo as a person starts it: a process of its own, real sockets, thrown-away data."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page

LINK = re.compile(r"Open\s+(http://[\d.:]+)(\S*)")
OCPP = re.compile(r"OCPP\s+(ws://[\d.:]+)/")


class Demo(NamedTuple):
    """A running demo: its address, the one-time link, its process, and where stations connect."""

    address: str
    link: str
    process: subprocess.Popen[str]
    ocpp: str


def start_demo(folder: Path, *options: str) -> Demo:
    """Start `ampacity demo` on free ports and wait until it has printed its link."""
    ports = ("--http-port", "0", "--ocpp-port", "0")
    process = subprocess.Popen(
        [sys.executable, "-m", "ampacity", "demo", *ports, "--data", str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        link, ocpp = LINK.search(said), OCPP.search(said)
        if link and ocpp:
            return Demo(link[1], link[1] + link[2], process, ocpp[1])
    raise RuntimeError(f"the demo ended with {process.wait()}:\n{said}")


def end_demo(demo: Demo) -> str:
    """End it as Ctrl-C does; returns what it said at the end."""
    demo.process.terminate()
    said, _ = demo.process.communicate(timeout=60)
    return said


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for the tests of a module."""
    running = start_demo(tmp_path_factory.mktemp("demo"), "--speed", "20", "--day", "2026-09-15")
    yield running
    if running.process.poll() is None:
        end_demo(running)


@pytest.fixture(scope="module")
def signed_in(demo: Demo, browser: Browser) -> Iterator[Page]:
    """A page of a browser that has followed the link, with the site before it."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    page.goto(demo.link)
    page.get_by_test_id("site-clock").wait_for(timeout=30_000)
    yield page
    context.close()
