"""Stations that do not obey, on real sockets: doubted, restarted, put in quarantine, released."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from ampacity.control.lease import Lease
from ampacity.csms.vocabulary import Outcome
from ampacity.model.site import Evse, Site
from ampacity.site.knowledge import LiveEvse
from ampacity.store import audit, quarantines

from .live import OPERATOR, PERSON, built, yard


async def test_a_station_that_disobeys_is_doubted_and_not_trusted_for_one_good_sample(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", "B", limit_a=70.0) as it:
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 30.0)
        it.stations["A"].treat_limits("ignore")
        await it.controller.set_limit("grid", 30.0, "operator", None, None, PERSON)
        await it.until(lambda: it.evse("A").trust == "doubted", 60.0)
        await it.until(lambda: it.evse("A").trust == "clearing", 120.0)
        assert it.held_a("A") >= 29.5  # what it draws is set aside
        assert it.evse("A").alarms
        it.stations["A"].treat_limits("obey")
        await it.until(lambda: it.current_a("A") < 21.0, 60.0)
        await it.until(lambda: it.live("A").conduct.verification.over_since is None, 30.0)
        assert it.evse("A").trust == "clearing"


async def test_one_that_never_obeys_ends_in_quarantine_that_a_restart_remembers(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", "B", limit_a=70.0) as it:
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 30.0)
        it.stations["A"].treat_limits("ignore")
        await it.controller.set_limit("grid", 30.0, "operator", None, None, PERSON)
        await it.until(lambda: it.evse("A").trust == "clearing", 120.0)
        it.live("A").conduct.verification = replace(
            it.live("A").conduct.verification, cycles=5
        )  # ten minutes of the same
        await it.until(lambda: it.evse("A").trust == "awaiting_reset", 200.0)
        it.stations["A"].unplug(1)
        await it.until(lambda: it.evse("A").trust == "resetting", 60.0)
        await it.until(lambda: not it.live("A").ready, 60.0)
        await it.proven("A")
        await it.charge("A")
        await it.until(lambda: it.evse("A").trust == "quarantined", 300.0)
        assert "quarantine" in it.evse("A").alarms[0]
        assert it.live("A").conduct.aside(None)[0] == pytest.approx(32.0, abs=2.5)
        await it.until(lambda: "unproven" in it.codes("A"))
        it.stations["A"].unplug(1)
        await it.until(lambda: it.live("A").transaction is None)
        await it.control()
        for station in it.stations.values():
            await station.cut_network()
            station.restore_network()
        await it.proven("A")
        assert it.evse("A").trust == "quarantined"
        await it.until(lambda: it.held_a("A") >= 29.5)  # idle as well: it would draw so much at once
        it.stations["A"].treat_limits("obey")
        await it.controller.release(("A", 1), PERSON)
        assert it.evse("A").trust == "trusted"
        kept = await it.node.store.read(lambda connection: quarantines.list_quarantines(connection, OPERATOR))
        assert kept == []
        with pytest.raises(ValueError, match="not in quarantine"):
            await it.controller.release(("A", 1), PERSON)
        told = await it.node.store.read(lambda connection: audit.list_audit(connection, OPERATOR))
        assert {"quarantine", "release"} <= {entry.action for entry in told}


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_fuse_at_risk_ends_the_session_where_that_is_allowed(tmp_path: Path, allowed: bool) -> None:
    async with yard(tmp_path, "A", limit_a=70.0, stop_disobedient=allowed) as it:
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 30.0)
        it.stations["A"].treat_limits("ignore")
        await it.controller.set_limit("grid", 30.0, "operator", None, None, PERSON)
        if allowed:
            await it.until(lambda: it.live("A").transaction is None, 180.0)
            assert it.current_a("A") == 0.0
        else:
            await it.until(lambda: it.live("A").conduct.verification.stopped_at is not None, 180.0)
            await it.clock.sleep(20.0)
            assert it.current_a("A") > 30.0


def test_a_profile_that_comes_too_early_is_no_disobedience() -> None:
    site: Site = built("A", limit_a=80.0, safe_a=0.0, lease_s=90.0, meter="none", port=0, reserve_a=0.0)
    evse: Evse = site.evses[0]
    live = LiveEvse(evse, site)
    live.connected("2.0.1", 0.0)
    for at in range(0, 60, 6):
        live.sent(16.0)
        sent = Lease(limit_a=16.0, safe_a=0.0, lease_s=90.0, sent_at=at)
        live.answered(sent, Outcome(result="rejected", detail="InvalidMessageSeq: later"), at)
        assert not live.may_lift(at + 4.0)
        assert live.may_lift(at + 5.0)
    assert live.refusals == 0
    live.answered(sent, Outcome(result="rejected", detail="InvalidSchedule"), 60.0)
    assert live.refusals == 1
