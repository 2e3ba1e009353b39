"""Stations of OCPP 2.1 that leave their limits aside when nobody is there: told, seen, and only then counted
on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ampacity.ocpp.profiles import ChargingProfile
from ampacity.site.conduct import OFFLINE_S

from .live import LiveYard, yard

LEASE_S = 300.0
BOUND_S = OFFLINE_S + 2 * 30.0
"""What an outage may take until it counts: it may notice after two of its pings."""


def limit_of(it: LiveYard, station_id: str) -> ChargingProfile:
    """The live limit that the station holds."""
    held = it.stations[station_id]._profiles.held()
    return next(profile for _, profile in held if profile.purpose == "TxProfile")


async def away_and_back(it: LiveYard, seconds: float) -> None:
    """Cut the network of A for so long."""
    await it.stations["A"].cut_network()
    await it.clock.sleep(seconds)
    it.stations["A"].restore_network()
    await it.proven("A")


async def charging(it: LiveYard, **options: Any) -> None:
    it.station("A", "2.1", **options)
    await it.proven("A")
    await it.charge("A")
    await it.until(lambda: it.current_a("A") > 12.0)


async def test_a_station_is_safe_ten_seconds_after_its_line_is_lost_and_the_budget_learns_it(
    tmp_path: Path,
) -> None:
    async with yard(tmp_path, "A", lease_s=LEASE_S, connect=False) as it:
        await charging(it)
        profile = limit_of(it, "A")
        assert (profile.max_offline_s, profile.invalid_after_offline) == (OFFLINE_S, True)
        assert len(profile.schedules[0].periods) > 1, "the lease is there all the same"
        assert (it.evse("A").time_to_safe_s or 0.0) >= LEASE_S
        committed_a = it.live("A").committed_a or 0.0
        await it.stations["A"].cut_network()
        await it.until(lambda: it.current_a("A") < 0.5, OFFLINE_S + 12.0)
        assert it.held_a("A") >= committed_a > 12.0, "what it says is not believed"
        await it.clock.sleep(5.0)
        it.stations["A"].restore_network()
        await it.proven("A")
        await it.until(lambda: it.live("A").conduct.offline_shown is True, 60.0)
        assert it.evse("A").time_to_safe_s == BOUND_S < LEASE_S
        # The next limit counts on it.
        await it.until(lambda: it.current_a("A") > 12.0)
        await it.until(lambda: it.live("A").lease is not None and it.live("A").lease.offline_s == BOUND_S)
        await it.stations["A"].cut_network()
        await it.until(lambda: not it.live("A").online)
        lost_at = it.clock.monotonic()
        await it.clock.sleep(BOUND_S - 15.0)
        assert it.held_a("A") > 12.0
        # Nobody sees the decrease: it counts once a sample would have been stale, like that of any lease.
        await it.until(lambda: it.held_a("A") == 0.0, 15.0 + 45.0)
        assert BOUND_S <= it.clock.monotonic() - lost_at < LEASE_S - 100.0


async def test_one_that_only_says_so_gets_its_whole_lease(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", lease_s=LEASE_S, connect=False) as it:
        await charging(it, limits="endless")
        await away_and_back(it, BOUND_S + 10.0)
        await it.until(lambda: it.live("A").conduct.offline_shown is False, 60.0)
        assert (it.evse("A").time_to_safe_s or 0.0) >= LEASE_S


async def test_one_that_does_not_say_so_is_not_told(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", lease_s=LEASE_S, connect=False) as it:
        await charging(it, offline_durations=False)
        assert limit_of(it, "A").max_offline_s is None


async def test_nobody_below_the_safe_current_steps_up_when_the_line_is_lost(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", lease_s=LEASE_S, safe_a=10.0, connect=False) as it:
        await charging(it)
        assert limit_of(it, "A").max_offline_s == OFFLINE_S
        await it.controller.set_limit("feeder", 8.0, "operator", None, None, "user:ada")
        await it.until(lambda: it.current_a("A") < 9.0)
        assert limit_of(it, "A").max_offline_s is None
        await it.stations["A"].cut_network()
        await it.clock.sleep(OFFLINE_S + 20.0)
        assert it.current_a("A") < 9.0
