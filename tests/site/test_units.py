"""A live AC station that takes limits in watts only: its car takes those on the phases that it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from .live import ONE_PHASE, yard


@pytest.mark.parametrize("version", ["1.6", "2.1"])
async def test_a_one_phase_car_at_a_station_told_in_watts_breaks_no_limit(
    tmp_path: Path, version: str
) -> None:
    """22 A are free below 34 A: 7.3 A on three phases are 21.9 A on one. The 22 A that amperes would allow
    are 66 A in watts on one phase: all that the car takes."""
    async with yard(tmp_path, "A", limit_a=34.0, connect=False) as it:
        it.station("A", version, limits="watts", sample_interval_s=1.0)
        await it.proven("A")
        assert it.live("A").in_watts
        await it.charge("A", ONE_PHASE)
        await it.until(lambda: it.current_a("A") > 17.0)
        worst = []
        for _ in range(40):
            await it.clock.sleep(1.0)
            worst.append(max(it.site_a))
        assert max(worst) <= 34.0
        assert it.live("A").conduct.verification.trust == "trusted"
        assert 5.9 < (it.live("A").committed_a or 0.0) < 7.4
