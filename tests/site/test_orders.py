"""Safe mode and the emergency stop of a live site: at once, through restarts, with a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from .live import PERSON, yard


async def test_an_emergency_stop_holds_through_a_restart_until_a_person_releases_it(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", safe_a=6.0) as it:
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 15.0)
        await it.controller.emergency_stop("smoke in the garage", False, PERSON)
        await it.draws("A", 0.0, 15.0)
        view = it.controller.view()
        assert (view.mode, view.mode_reason, view.mode_by) == ("stopped", "smoke in the garage", PERSON)
        await it.control()
        assert it.controller.view().mode == "stopped"
        # The process that was restarted has lost its sockets; the station comes back.
        await it.stations["A"].cut_network()
        it.stations["A"].restore_network()
        await it.proven("A")
        await it.draws("A", 0.0, 30.0)
        await it.clock.sleep(30.0)
        assert it.current_a("A") < 0.5
        await it.controller.release_emergency_stop("it was the toaster", PERSON)
        assert it.controller.view().mode == "normal"
        await it.until(lambda: it.current_a("A") > 15.0, 400.0)
        with pytest.raises(ValueError, match="not stopped"):
            await it.controller.release_emergency_stop("again", PERSON)


async def test_an_emergency_stop_ends_sessions_where_it_says_so(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 15.0)
        await it.controller.emergency_stop("fire drill", True, PERSON)
        await it.until(lambda: it.live("A").transaction is None, 30.0)


async def test_safe_mode_keeps_everybody_at_his_safe_current(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", safe_a=6.0) as it:
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 15.0)
        await it.controller.safe_mode(True, "work on the panel", PERSON)
        await it.draws("A", 6.0, 20.0)
        assert "safe_mode" in it.codes("A")
        await it.controller.safe_mode(False, "done", PERSON)
        await it.until(lambda: it.current_a("A") > 15.0, 200.0)
