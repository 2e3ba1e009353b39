"""What the law was told last, so that a failing test leaves a file that replays.

`begin` and `note` are called by the worlds of these tests. Hypothesis runs the smallest failing example once
more at the end, so the last world is that one. `ampacity simulate --replay FILE` shows it tick by tick.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from ampacity.control.settings import DEFAULTS, ControlSettings
from ampacity.control.types import Snapshot
from ampacity.simulation.scenarios.replay import record

SHOWN = 6000
"""A recording up to so many characters is shown whole."""

_told: list[Snapshot] = []
_settings: list[ControlSettings] = []


def begin(settings: ControlSettings = DEFAULTS) -> None:
    """A new world begins: what was noted is forgotten."""
    _told.clear()
    _settings[:] = [settings]


def note(snapshot: Snapshot) -> None:
    """The law is about to be told this."""
    _told.append(snapshot)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, object, None]:
    """Adds the recording of the last world to the report of a test that failed."""
    if call.when == "setup":
        begin()
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.when == "call" and report.failed and _told:
        content = record(_told, _settings[0])
        folder = Path(tempfile.mkdtemp(prefix="ampacity-law-"))
        path = folder / "recording.json"
        path.write_bytes(content)
        text = f"ampacity simulate --replay {path}"
        if len(content) <= SHOWN:
            text += f"\n{content.decode()}"
        report.sections.append(("the law's world as JSON", text))
