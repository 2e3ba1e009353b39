"""A live station is switched to one phase where three don't fit, and back when they do."""

from __future__ import annotations

from pathlib import Path

import pytest

from .live import yard


@pytest.mark.parametrize("version", ["2.0.1"])
async def test_down_where_three_phases_do_not_fit_over_a_restart_and_up_again(
    tmp_path: Path, version: str
) -> None:
    async with yard(tmp_path, "A", version=version, phase_switch=True) as it:
        it.base_a = (10.0, 77.0, 10.0)
        await it.charge("A")
        hardware = it.stations["A"].bays[1].hardware
        seen: list[str] = []

        def follow() -> str:
            stage = it.live("A").switch.stage
            if not seen or seen[-1] != stage:
                seen.append(stage)
            assert stage != "switching" or hardware.power_w < 100.0
            return stage

        await it.until(lambda: follow() == "proving", 400.0)
        await it.until(lambda: follow() == "steady", 200.0)
        # It may be at 0 already when it shall stop, and the station may answer between two looks.
        told = [stage for stage in seen if stage not in ("stopping", "switching")]
        assert told == ["steady", "resting", "proving", "steady"]
        await it.until(lambda: hardware.current_a[0] > 20.0)
        assert hardware.current_a[1:] == (0.0, 0.0)
        held = [profile for _, profile in it.stations["A"]._profiles.held()]
        named = {p.purpose: {t.number_phases for t in p.schedules[0].periods} for p in held}
        assert named["TxProfile"] == named["TxDefaultProfile"] == {1}
        await it.control()
        await it.stations["A"].cut_network()
        it.stations["A"].restore_network()
        await it.proven("A")
        assert it.live("A").switch.phases == 1
        await it.until(lambda: hardware.current_a[0] > 20.0)
        assert hardware.current_a[1:] == (0.0, 0.0)
        it.base_a = (10.0, 10.0, 10.0)
        await it.until(lambda: min(hardware.current_a) > 5.0, 1_000.0)
        await it.until(lambda: it.live("A").switch.phases == 3, 60.0)
        assert it.site_a[1] < 80.0


async def test_an_evse_that_does_not_allow_it_waits(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        it.base_a = (10.0, 77.0, 10.0)
        await it.charge("A")
        await it.clock.sleep(90.0)
        assert it.live("A").switch.stage == "steady"
        assert it.codes("A") == {"minimum"}
