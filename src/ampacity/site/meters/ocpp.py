"""Meters that are stations: the main meter of a station (EVSE 0), or what an EVSE tells of its inlet.

A station tells the supply side in values of EVSE 0, or with the location Inlet (2.1 also: Upstream). Values
that are older than the last are replays and say nothing of now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ...model.events import MeterSampled
from ...model.site import MeterConfig
from ...model.station import LAST_PHASE
from .source import Around
from .told import MeterTrouble, Told, told_of

_SUPPLY: Final = ("Inlet", "Upstream")
_NAMES: Final = {
    "Current.Import": ("current", 1.0),
    "Current.Export": ("current_export", 1.0),
    "Power.Active.Import": ("power", 1.0),
    "Power.Active.Export": ("power_export", 1.0),
    "Voltage": ("voltage", 1.0),
    "Energy.Active.Import.Register": ("energy_import", 1.0),
    "Energy.Active.Export.Register": ("energy_export", 1.0),
}
QUEUED: Final = 100


class OcppSource:
    """Hears what the station tells; the station paces."""

    paced = False

    def __init__(self, config: MeterConfig, around: Around) -> None:
        self._station_id, self._evse_id = station_of(config.address)
        self._around, self._interval_s = around, config.interval_s
        self._queue: asyncio.Queue[MeterSampled] = asyncio.Queue(QUEUED)
        self._end: Callable[[], None] | None = None

    async def open(self) -> None:
        if self._around.bus is None:
            raise MeterTrouble("no_connection", "stations are not served here")
        self._end = self._around.bus.subscribe(MeterSampled, self._heard)

    async def read(self) -> Told:
        silent_s = max(10.0, 3.0 * self._interval_s)
        while True:
            try:
                event = await self._around.clock.wait_for(self._queue.get(), silent_s)
            except TimeoutError:
                raise MeterTrouble(
                    "no_answer",
                    f"station {self._station_id} told nothing of EVSE {self._evse_id} in {silent_s:g} s",
                ) from None
            told = told_by(event, self._evse_id)
            if told is not None:
                return told

    async def close(self) -> None:
        if self._end is not None:
            self._end()
            self._end = None

    def _heard(self, event: MeterSampled) -> None:
        mine = event.station_id == self._station_id and event.evse_id == self._evse_id
        if mine and event.operator_id == self._around.operator_id and not self._queue.full():
            self._queue.put_nowait(event)


def told_by(event: MeterSampled, evse_id: int) -> Told | None:
    """The supply side of a station's values; None where they are of something else."""
    values: dict[str, float | None] = {}
    for sample in event.reading.samples:
        if sample.measurand not in _NAMES or sample.phase > LAST_PHASE:
            continue
        if evse_id != 0 and sample.location not in _SUPPLY:
            continue
        name, scale = _NAMES[sample.measurand]
        if sample.phase:
            name += f"_l{sample.phase}"
        if name not in values or sample.location in _SUPPLY:
            values[name] = sample.value * scale
    if not any(name.startswith("current") for name in values):
        return None
    for line in ("l1", "l2", "l3"):
        export = values.pop(f"current_export_{line}", None)
        if export:
            values[f"current_{line}"] = (values.get(f"current_{line}") or 0.0) - export
    return told_of(values, at=event.reading.at)


def station_of(address: str) -> tuple[str, int]:
    """`station/evse`. ValueError says what is right."""
    station_id, _, evse = address.rpartition("/")
    if not station_id or not evse.isdigit():
        raise ValueError(f"meter address {address!r} can't be read: write station/evse, e.g. GRID-METER/0")
    return station_id, int(evse)
