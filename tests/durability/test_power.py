"""Power is lost at any moment, with any part of what was not synced: nothing acknowledged is gone, nothing is
there twice. And a store that is a little less careful is caught."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ampacity.bench.durability import drive as driving
from ampacity.bench.durability import sqlite as c
from ampacity.bench.durability.disk import Deed, Fault
from ampacity.bench.durability.power import PowerPlan, lose_power
from ampacity.store import StoreSettings


async def test_no_loss_of_power_loses_or_repeats_what_was_acknowledged(fast_folder: Path) -> None:
    report = await lose_power(
        fast_folder, PowerPlan(rounds=5, kills_a_round=30, chain=3, alive_every=4, derived_every=8)
    )
    assert report.found == {}, report.examples
    assert report.kills == 150
    # It has tested something: much was acknowledged, much was not synced, and in every way.
    assert report.acknowledged >= 300
    assert report.checked > 12 * report.kills  # 23 to 31: how much a crash leaves to look for is chance
    assert set(report.losses) == {"nothing", "all", "files", "tail", "sectors"}


async def test_nor_does_it_on_a_disk_that_fails_now_and_then(fast_folder: Path) -> None:
    failed: list[int] = []
    of_writes = itertools.cycle((c.FULL, c.IOERR_WRITE))

    def sometimes(rng: random.Random) -> Fault:
        def fails(deed: Deed, name: str) -> int:
            if deed in ("write", "sync") and rng.random() < (0.05 if deed == "sync" else 0.03):
                failed.append(next(of_writes) if deed == "write" else c.IOERR_FSYNC)
                return failed[-1]
            return c.OK

        return fails

    plan = PowerPlan(
        rounds=4, kills_a_round=25, chain=2, fault=sometimes, settings=StoreSettings(retry_s=0.01)
    )
    report = await lose_power(fast_folder, plan)
    assert report.found == {}, report.examples
    assert report.acknowledged >= 240
    assert set(failed) == {c.FULL, c.IOERR_WRITE, c.IOERR_FSYNC}


@pytest.mark.parametrize("mode", ["OFF", "NORMAL"])
async def test_a_store_that_does_not_wait_for_the_disk_is_caught(fast_folder: Path, mode: str) -> None:
    plan = PowerPlan(rounds=1, kills_a_round=20, pragma=f"PRAGMA synchronous={mode}")
    report = await lose_power(fast_folder, plan)
    assert report.found["lost"] > 20, report


async def test_a_store_that_answers_before_its_commit_is_caught(
    fast_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hasty(driving.Heard):
        def __init__(self, position: Callable[[], int]) -> None:
            super().__init__(position)
            self._came_in_at = position()

        def _done(self, payload: Any) -> None:
            super()._done(payload)
            self.at = self._came_in_at

    monkeypatch.setattr(driving, "Heard", Hasty)
    report = await lose_power(fast_folder, PowerPlan(rounds=2, kills_a_round=30))
    assert report.found["lost"] > 10, report
