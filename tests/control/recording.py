"""What the law was told last, so that a failing test leaves a case that `ampacity simulate CASE.json` plays.

`begin` and `note` are called by the worlds of these tests, `claim` by a test that is about to check what can
be said as a claim: then the case breaks as the test did. Hypothesis runs the smallest failing example once
more at the end, so the last world is that one.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from ampacity.control.settings import DEFAULTS, ControlSettings
from ampacity.control.types import Snapshot
from ampacity.simulation.cases.document import Json
from ampacity.simulation.cases.told import told_case

SHOWN = 6000
"""A case up to so many characters is shown whole."""

_told: list[Snapshot] = []
_claims: list[Json] = []
_settings: list[ControlSettings] = []
_case: list[Json] = []


def begin(settings: ControlSettings = DEFAULTS) -> None:
    """A new world begins: what was noted is forgotten."""
    _told.clear()
    _claims.clear()
    _case.clear()
    _settings[:] = [settings]


def begin_case(case: Json) -> None:
    """A case begins, which is left as it is."""
    begin()
    _case[:] = [case]


def note(snapshot: Snapshot) -> None:
    """The law is about to be told this."""
    _told.append(snapshot)


def claim(what: str, **wanted: object) -> None:
    """The test is about to check this (`ampacity.simulation.cases.series`)."""
    _claims.append({"what": what, **wanted})


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, object, None]:
    """Adds the case of the last world to the report of a test that failed."""
    if call.when == "setup":
        begin()
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.when == "call" and report.failed and (_told or _case):
        last = str(report.longrepr).splitlines()[-1]
        case = (
            {**_case[0], "broken": last}
            if _case
            else told_case(_told, _settings[0], title=item.name, claims=_claims, broken=last)
        )
        content = json.dumps(case, indent=1)
        folder = Path(tempfile.mkdtemp(prefix="ampacity-law-"))
        path = folder / "case.json"
        path.write_text(content, "utf-8")
        text = f"ampacity simulate {path}"
        if len(content) <= SHOWN:
            text += f"\n{content}"
        report.sections.append(("the law's world as a case", text))
