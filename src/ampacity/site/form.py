"""A site's form, read and checked once for whoever brings it: a file, the API, the console.

msgspec says what is not of the form (a missing field, a wrong type, a field that nobody knows); what follows
says what can't be built. A form that passes can be worked with; whether it is wise is told by `paper`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ..control.lease import MOST_LEASE_S, least_lease_s
from ..control.settings import DEFAULTS
from ..control.topology import Topology, TopologyError
from ..model.protection import TemperatureSensor
from ..model.site import Circuit, Evse, Site
from .devices.running import driver_of
from .meters import MeterConfigError, check_meter

MOST_A = 100_000.0
_AT = re.compile(r"(?P<text>.*?) - at `\$?\.?(?P<where>.*)`$", re.DOTALL)

Ranges = tuple[tuple[str, float | None, float, float], ...]
"""Fields with their values, and what they have to be above (or at, where that is 0 or less) and at most."""


class FormError(ValueError):
    """A site that can't be: `where` is the path of the field (empty: it is about the whole), `text` what is
    wrong and what would be right."""

    def __init__(self, where: str, text: str) -> None:
        super().__init__(f"{where}: {text}" if where else text)
        self.where, self.text = where, text


def read_form(values: Mapping[str, Any], operator_id: str, maps: Path | None = None) -> Site:
    """The site of plain values (TOML or JSON), as docs/sites.md describes it. Raises FormError.

    `operator_id` is who asks, whatever the form says. `maps` is the folder of own register maps.
    """
    try:
        site = msgspec.convert({**values, "operator_id": operator_id}, Site)
    except msgspec.ValidationError as problem:
        found = _AT.match(str(problem))
        raise FormError(found["where"] if found else "", found["text"] if found else str(problem)) from None
    check_form(site, maps)
    return site


def check_form(site: Site, maps: Path | None = None) -> None:
    """Raises FormError where the site can't be built."""
    _check_site(site)
    names = {circuit.circuit_id for circuit in site.circuits}
    roots = [circuit for circuit in site.circuits if circuit.parent_id is None]
    if len(roots) != 1:
        raise FormError("circuits", f"{len(roots)} have no parent_id; the grid connection alone may")
    for number, circuit in enumerate(site.circuits):
        _check_circuit(circuit, names, f"circuits[{number}]")
    for number, evse in enumerate(site.evses):
        _check_evse(evse, names, f"evses[{number}]")
    try:
        Topology(site)
    except TopologyError as problem:
        raise FormError("", str(problem)) from None
    for number, circuit in enumerate(site.circuits):
        if circuit.meter is not None:
            try:
                check_meter(site, circuit, circuit.meter, maps)
            except MeterConfigError as problem:
                where = f"circuits[{number}].meter.{problem.field}"
                raise FormError(where, f"circuit {circuit.circuit_id!r}: {problem.text}") from None
    for number, device in enumerate(site.devices):
        if device.protocol != "none":
            try:
                driver_of(device, maps)
            except ValueError as problem:
                raise FormError(f"devices[{number}].map", f"device {device.device_id!r}: {problem}") from None


def _check_site(site: Site) -> None:
    if not site.site_id or not site.name:
        raise FormError("name" if site.site_id else "site_id", "is empty: give the site a name")
    try:
        ZoneInfo(site.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise FormError(
            "time_zone", f"{site.time_zone!r} is not known: write it like Europe/Berlin"
        ) from None
    _check_numbers(
        "",
        (
            ("voltage_v", site.voltage_v, 50.0, 20_000.0),
            ("lease_s", site.lease_s, least_lease_s(DEFAULTS), MOST_LEASE_S),
        ),
    )
    _check_once("cabinets", "cabinet", (cabinet.cabinet_id for cabinet in site.cabinets))


def _check_circuit(circuit: Circuit, names: set[str], where: str) -> None:
    if not circuit.circuit_id:
        raise FormError(f"{where}.circuit_id", "is empty: give the circuit an id")
    if circuit.parent_id is not None and circuit.parent_id not in names:
        raise FormError(
            f"{where}.parent_id", f"{circuit.circuit_id!r} hangs on {circuit.parent_id!r}, no circuit here"
        )
    _check_numbers(
        where,
        (
            ("rating_a", circuit.rating_a, 1e-9, MOST_A),
            ("reserve_a", circuit.reserve_a, 0.0, MOST_A),
            ("generation_a", circuit.generation_a, 0.0, MOST_A),
            ("export_a", circuit.export_a, 0.0, MOST_A),
            ("rating_w", circuit.rating_w, 1e-9, 1e10),
            ("rating_va", circuit.rating_va, 1e-9, 1e10),
            ("neutral_a", circuit.neutral_a, 1e-9, MOST_A),
            ("unbalance_a", circuit.unbalance_a, 1e-9, MOST_A),
        ),
    )
    _check_sensors(circuit.sensors, where)
    if circuit.demand is not None:
        _check_numbers(
            f"{where}.demand",
            (
                ("limit_w", circuit.demand.limit_w, 0.0, 1e10),
                ("window_s", circuit.demand.window_s, 1.0, 86_400.0),
            ),
        )
    if circuit.hot_spot is not None:
        model = circuit.hot_spot
        _check_numbers(
            f"{where}.hot_spot",
            (
                ("rated_a", model.rated_a, 1e-9, MOST_A),
                ("most_share", model.most_share, 1e-9, 10.0),
                ("horizon_s", model.horizon_s, 1.0, 86_400.0),
                ("oil_s", model.oil_s, 1.0, 1e6),
                ("winding_s", model.winding_s, 1.0, 1e6),
            ),
        )
    _check_once(f"{where}.signals", "signal", (signal.source for signal in circuit.signals))
    for number, signal in enumerate(circuit.signals):
        _check_numbers(
            f"{where}.signals[{number}]",
            (
                ("failsafe_a", signal.failsafe_a, 0.0, MOST_A),
                ("failsafe_w", signal.failsafe_w, 0.0, 1e10),
                ("heartbeat_s", signal.heartbeat_s, 1e-9, 86_400.0),
                ("lost_s", signal.lost_s, 1e-9, 1e7),
                ("resume_s", signal.resume_s, 0.0, 1e7),
            ),
        )
    _check_once(f"{where}.limits", "limit of source", (limit.source for limit in circuit.limits))
    for number, limit in enumerate(circuit.limits):
        _check_numbers(
            f"{where}.limits[{number}]",
            (
                ("limit_a", limit.limit_a, 0.0, math.inf),
                ("limit_w", limit.limit_w, 0.0, math.inf),
                ("fallback_a", limit.fallback_a, 0.0, math.inf),
                ("fallback_w", limit.fallback_w, 0.0, math.inf),
            ),
        )


def _check_evse(evse: Evse, names: set[str], where: str) -> None:
    if not evse.station_id or evse.evse_id < 1:
        raise FormError(where, "an EVSE needs its station's id and its number there, from 1 on")
    named = f"EVSE {evse.station_id}/{evse.evse_id}"
    if evse.circuit_id not in names:
        raise FormError(f"{where}.circuit_id", f"{named} hangs on {evse.circuit_id!r}, which is not there")
    _check_numbers(
        where,
        (
            ("max_a", evse.max_a, 1e-9, MOST_A),
            ("min_a", evse.min_a, 0.0, MOST_A),
            ("step_a", evse.step_a, 1e-9, MOST_A),
            ("safe_a", evse.safe_a, 0.0, MOST_A),
            ("weight", evse.weight, 1e-9, 1e6),
            ("dc_power_w", evse.dc_power_w, 1e-9, 1e10),
        ),
    )
    if evse.min_a > evse.max_a:
        raise FormError(
            f"{where}.min_a", f"{named}: {evse.min_a:g} A is more than its max_a of {evse.max_a:g} A"
        )
    if evse.safe_a > evse.max_a:
        raise FormError(
            f"{where}.safe_a", f"{named}: {evse.safe_a:g} A is more than its max_a of {evse.max_a:g} A"
        )
    if evse.connectors < 1:
        raise FormError(f"{where}.connectors", f"{named} has {evse.connectors}: at least one is right")
    _check_sensors(evse.sensors, where)


def _check_sensors(sensors: tuple[TemperatureSensor, ...], where: str) -> None:
    _check_once(f"{where}.sensors", "sensor", (sensor.sensor_id for sensor in sensors))
    for number, sensor in enumerate(sensors):
        here = f"{where}.sensors[{number}]"
        warmth = [celsius for celsius, _ in sensor.points]
        if not warmth or warmth != sorted(set(warmth)):
            raise FormError(f"{here}.points", "temperatures have to rise: [[60, 1.0], [75, 0.6], [90, 0.0]]")
        shares: Iterator[tuple[str, float | None, float, float]] = (
            (f"points[{k}]", share, 0.0, 10.0) for k, (_, share) in enumerate(sensor.points)
        )
        _check_numbers(
            here,
            (
                *shares,
                ("fallback_share", sensor.fallback_share, 0.0, 10.0),
                ("stale_s", sensor.stale_s, 1e-9, 1e7),
                ("recover_s", sensor.recover_s, 0.0, 1e7),
            ),
        )


def _check_numbers(where: str, ranges: Ranges) -> None:
    """NaN is in no range."""
    for field, value, least, most in ranges:
        if value is None or least <= value <= most:
            continue
        place = f"{where}.{field}" if where else field
        above = "above 0" if 0 < least < 1e-6 else f"{least:g} or more"
        upto = "" if most == math.inf else f", {most:g} at most"
        raise FormError(place, f"{value:g} is not right: {above}{upto}")


def _check_once(where: str, kind: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1 or not name:
            what = f"{kind} {name!r} is there {count} times" if name else f"a {kind} has no name"
            raise FormError(where, f"{what}: give each its own")
