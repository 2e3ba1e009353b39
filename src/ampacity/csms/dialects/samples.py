"""Sampled values of any version in one form: base units, phases 1..3, UTC. A value that can't be trusted is
left out alone.

What is left out, and why: values that are no finite number; units of another dimension than the measurand's
(`A` for a power); the neutral and phase-to-phase values, for which our phases 0..3 have no place (nothing
above needs them).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from ...model.station import MeterReading, Sample

REGISTER = "Energy.Active.Import.Register"
"""Measurand when a sampled value names none (all versions)."""

DEFAULT_CONTEXT = "Sample.Periodic"
DEFAULT_LOCATION = "Outlet"

_PHASES = {None: 0, "": 0, "L1": 1, "L2": 2, "L3": 3, "L1-N": 1, "L2-N": 2, "L3-N": 3}

_UNITS: dict[str, tuple[str, float, float]] = {
    # unit on the wire: (base unit, factor, offset)
    "Wh": ("Wh", 1.0, 0.0),
    "kWh": ("Wh", 1000.0, 0.0),
    "varh": ("varh", 1.0, 0.0),
    "kvarh": ("varh", 1000.0, 0.0),
    "VAh": ("VAh", 1.0, 0.0),
    "kVAh": ("VAh", 1000.0, 0.0),
    "W": ("W", 1.0, 0.0),
    "kW": ("W", 1000.0, 0.0),
    "VA": ("VA", 1.0, 0.0),
    "kVA": ("VA", 1000.0, 0.0),
    "var": ("var", 1.0, 0.0),
    "kvar": ("var", 1000.0, 0.0),
    "A": ("A", 1.0, 0.0),
    "V": ("V", 1.0, 0.0),
    "Percent": ("Percent", 1.0, 0.0),
    "Hertz": ("Hertz", 1.0, 0.0),
    "Hz": ("Hertz", 1.0, 0.0),
    "RPM": ("RPM", 1.0, 0.0),
    # 1.6 spells it both ways (its schema has both).
    "Celsius": ("Celsius", 1.0, 0.0),
    "Celcius": ("Celsius", 1.0, 0.0),
    "K": ("Celsius", 1.0, -273.15),
    "Fahrenheit": ("Celsius", 5 / 9, -160 / 9),
}

# First match decides: what a measurand's values are measured in.
_DIMENSIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Energy.Reactive", "varh", ("varh",)),
    ("Energy.Apparent", "VAh", ("VAh", "Wh")),
    ("Energy", "Wh", ("Wh",)),
    ("Power.Reactive", "var", ("var",)),
    ("Power.Factor", "", ("",)),
    ("Power.Offered", "W", ("W", "VA")),
    ("Power", "W", ("W", "VA")),
    ("Current", "A", ("A",)),
    ("Voltage", "V", ("V",)),
    ("SoC", "Percent", ("Percent",)),
    ("Temperature", "Celsius", ("Celsius",)),
    ("Frequency", "Hertz", ("Hertz",)),
    ("RPM", "RPM", ("RPM",)),
)

_cache: dict[tuple[str, str | None], tuple[str, float, float] | None] = {}


def sample(
    value: float | str,
    *,
    measurand: str | None,
    unit: str | None,
    multiplier: int = 0,
    phase: str | None,
    context: str | None,
    location: str | None,
) -> Sample | None:
    """One wire value as a `Sample`, None when it can't be used (see the module's text)."""
    try:
        number = float(value)
    except ValueError:
        try:
            number = float(value.replace(",", "."))  # type: ignore[union-attr]
        except ValueError:
            return None
    if not math.isfinite(number) or phase not in _PHASES:
        return None
    measurand = measurand or REGISTER
    try:
        scale = _cache[measurand, unit]
    except KeyError:
        # Bounded: measurands are the schema's, units at most 20 characters but the station's own in 2.x.
        if len(_cache) > 500:
            _cache.clear()
        scale = _cache[measurand, unit] = _scale(measurand, unit)
    if scale is None:
        return None
    base, factor, offset = scale
    if multiplier:
        factor *= 10.0**multiplier
    return Sample(
        measurand,
        number * factor + offset,
        base,
        _PHASES[phase],
        context or DEFAULT_CONTEXT,
        location or DEFAULT_LOCATION,
    )


def _scale(measurand: str, unit: str | None) -> tuple[str, float, float] | None:
    for prefix, default, allowed in _DIMENSIONS:
        if measurand.startswith(prefix):
            if unit is None or unit == "":
                return default, 1.0, 0.0
            known = _UNITS.get(unit)
            return known if known is not None and known[0] in allowed else None
    return _UNITS.get(unit or "", (unit or "", 1.0, 0.0))


def utc(at: datetime) -> datetime:
    """A station's timestamp: one without a zone is UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def whole_second(at: datetime) -> datetime:
    """For the wire: some stations fail on microseconds, and none needs them."""
    return at.replace(microsecond=0)


def register_wh(readings: tuple[MeterReading, ...], *, first: bool) -> float | None:
    """The import register of the whole EVSE that the readings tell: of the earliest or of the latest instant.

    A register given per phase only is the sum of its phases. Values marked `Transaction.Begin` or
    `Transaction.End` win over periodic ones of the same message.
    """
    best: tuple[int, datetime, float] | None = None
    wanted = "Transaction.Begin" if first else "Transaction.End"
    for reading in readings:
        value, marked = _register_of(reading, wanted)
        if value is None:
            continue
        rank = (int(marked), reading.at, value)
        if (
            best is None
            or rank[0] > best[0]
            or (rank[0] == best[0] and (reading.at < best[1] if first else reading.at >= best[1]))
        ):
            best = rank
    return None if best is None else best[2]


def _register_of(reading: MeterReading, wanted: str) -> tuple[float | None, bool]:
    total: float | None = None
    phases: dict[int, float] = {}
    marked = False
    for item in reading.samples:
        if item.measurand != REGISTER or item.location not in (DEFAULT_LOCATION, "Inlet", "Body"):
            continue
        if item.phase:
            phases[item.phase] = item.value
        elif total is None or item.context == wanted or item.location == DEFAULT_LOCATION:
            total = item.value
            marked = marked or item.context == wanted
    if total is None and phases:
        total = sum(phases.values())
    return total, marked
