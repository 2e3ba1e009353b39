"""A controller that stands still must not look alive."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ampacity.site.controller import ControllerStalled, SiteController

from .live import yard


async def test_a_controller_that_stands_still_is_told_within_ten_seconds(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", connect=False) as it:
        still = SiteController(it.site, it.node.csms, it.records, it.node.bus, it.clock)
        still.tick()
        before = it.clock.monotonic()
        with pytest.raises(ControllerStalled, match="site 'yard' has stood still for 1"):
            await still.watch()
        assert it.clock.monotonic() - before < 12.0


async def test_one_that_ticks_is_left_alone(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", connect=False) as it:
        watching = asyncio.ensure_future(it.controller.watch())
        await it.clock.sleep(45.0)
        assert not watching.done()
        watching.cancel()
