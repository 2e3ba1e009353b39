"""A live site hears a grid operator's heartbeat, and its sensors."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from ampacity.model.protection import SignalSource, TemperatureSensor
from ampacity.model.site import Site

from .live import PERSON, LiveYard, yard

DSO = SignalSource(source="dso", failsafe_a=24.0, lost_s=30.0)
PLUG = TemperatureSensor(
    sensor_id="plug", points=((60.0, 1.0), (80.0, 0.25)), stale_s=3600.0, fallback_share=1.0
)


async def rebuilt(it: LiveYard) -> None:
    """The same yard, whose grid connection has a signal and whose EVSE a sensor."""
    site: Site = it.site
    it.site = structs.replace(
        site,
        circuits=(structs.replace(site.circuits[0], signals=(DSO,)), *site.circuits[1:]),
        evses=tuple(structs.replace(evse, sensors=(PLUG,)) for evse in site.evses),
    )
    await it.control()
    for station in it.stations.values():
        await station.cut_network()
        station.restore_network()
    await it.proven(*it.stations)


async def test_a_signal_that_falls_silent_cuts_to_its_failsafe_until_it_says_something_new(
    tmp_path: Path,
) -> None:
    async with yard(tmp_path, "A") as it:
        await rebuilt(it)
        it.controller.heartbeat("grid", "dso")
        await it.controller.set_limit("grid", 70.0, "dso", None, None, PERSON)
        await it.charge("A")
        await it.until(lambda: it.controller.limit_a("grid") == 70.0)
        await it.until(lambda: it.controller.limit_a("grid") == 24.0, 60.0)
        await it.until(lambda: it.site_a[0] <= 24.0, 30.0)
        it.controller.heartbeat("grid", "dso")
        await it.clock.sleep(5.0)
        assert it.controller.limit_a("grid") == 24.0
        await it.controller.set_limit("grid", 60.0, "dso", None, None, PERSON)
        it.controller.heartbeat("grid", "dso")
        await it.until(lambda: it.controller.limit_a("grid") == 60.0, 5.0)
        with pytest.raises(LookupError, match="no signal 'tso'; it has dso"):
            it.controller.heartbeat("grid", "tso")


async def test_a_warm_plug_takes_current_away(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        await rebuilt(it)
        await it.charge("A")
        it.controller.heartbeat("grid", "dso")
        await it.controller.set_limit("grid", 70.0, "dso", None, None, PERSON)
        it.controller.record_temperature(("A", 1), "plug", 80.0, None)
        await it.draws("A", 8.0)
        assert "thermal" in it.codes("A")
