"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ampacity.site.decisions.times import UnclearTime, read_time

LATEST = datetime(2026, 10, 25, 14, 0, tzinfo=UTC)  # 15:00 in Berlin, the day when clocks went back
MEANT = [
    ("now", LATEST),
    ("14:30", datetime(2026, 10, 25, 13, 30, tzinfo=UTC)),
    ("15:30:10", datetime(2026, 10, 24, 13, 30, 10, tzinfo=UTC)),  # yesterday, in summer time
    ("2026-10-01 07:41:12", datetime(2026, 10, 1, 5, 41, 12, tzinfo=UTC)),
    ("2026-12-01T07:41:12", datetime(2026, 12, 1, 6, 41, 12, tzinfo=UTC)),
    ("2026-10-25T02:30:00+02:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ("2026-10-25T00:30:00Z", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
]
UNCLEAR = [
    ("soon", "'soon' is no time: write 07:41:12, "),
    ("25:00", "'25:00' is no time"),
    ("2026-10-25 02:30", "was twice when clocks went back: write 2026-10-25T02:30:00.02:00 or "),
    ("2026-03-29 02:30", "was left out when clocks went forward"),
    ("07:41+01:00", "has an offset and no date"),
]


@pytest.mark.parametrize(("text", "meant"), MEANT)
def test_what_is_meant(text: str, meant: datetime) -> None:
    assert read_time(text, "Europe/Berlin", LATEST) == meant


@pytest.mark.parametrize(("text", "said"), UNCLEAR)
def test_what_is_unclear_is_said(text: str, said: str) -> None:
    with pytest.raises(UnclearTime, match=said.replace("+", r"\+")):
        read_time(text, "Europe/Berlin", LATEST)
