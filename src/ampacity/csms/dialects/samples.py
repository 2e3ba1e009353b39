"""Sampled values of any version in one form: base units, numbered phases, UTC. A value that can't be trusted
is left out alone, and never costs its neighbours.

Theory. What a value is measured in follows from its measurand; the unit on the wire tells the factor to it.

- A measurand without a unit is in its base unit (`_BASES`). So is one with OCPP's default words `W` and `Wh`
  where the measurand is reactive or apparent: a station that never changed the default means var and varh.
- An *active* power or energy in `VA` or `var` is named for what it is (`Power.Apparent.Import`): counted as W
  it would be wrong by the power factor.
- A unit of another dimension (`A` for a power), a number that is none, or that no meter can show
  (`LARGEST`, which in Wh is far beyond the world's consumption and still fits a database's integers as mWh):
  left out.
- Phases are 1..3 for L1..L3 against neutral, 4 for N, 5..7 for L1-L2, L2-L3, L3-L1 (`model.station`).
- Signed values (SignedData of 1.6, signedMeterValue of 2.x) keep their text as it came.

A meter says the same things of itself all the time: how a value is read is worked out once for each form
that is seen, and kept (`_forms`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from ...model.station import (
    ALL_PHASES,
    LAST_PHASE,
    MeterReading,
    OfShape,
    Sample,
    Series,
    Shape,
    SignedValue,
    series_of,
    shape_of,
)

REGISTER = "Energy.Active.Import.Register"
"""Measurand when a sampled value names none (all versions)."""

DEFAULT_CONTEXT = "Sample.Periodic"
DEFAULT_LOCATION = "Outlet"

LARGEST = 1e15
LAST_INTEGER = 2**31 - 1
FORMS_KEPT = 5_000
"""Units are a station's own in 2.x, so the number of forms is bounded."""

_PHASES = {
    None: ALL_PHASES, "": ALL_PHASES, "L1": 1, "L2": 2, "L3": 3, "L1-N": 1, "L2-N": 2, "L3-N": 3,
    "N": 4, "L1-L2": 5, "L2-L3": 6, "L3-L1": 7,
}  # fmt: skip

_UNITS: dict[str, tuple[str, float, float]] = {
    # unit on the wire: (base unit, factor, offset)
    "Wh": ("Wh", 1.0, 0.0),
    "kWh": ("Wh", 1000.0, 0.0),
    "MWh": ("Wh", 1e6, 0.0),
    "varh": ("varh", 1.0, 0.0),
    "kvarh": ("varh", 1000.0, 0.0),
    "VAh": ("VAh", 1.0, 0.0),
    "kVAh": ("VAh", 1000.0, 0.0),
    "W": ("W", 1.0, 0.0),
    "kW": ("W", 1000.0, 0.0),
    "MW": ("W", 1e6, 0.0),
    "VA": ("VA", 1.0, 0.0),
    "kVA": ("VA", 1000.0, 0.0),
    "var": ("var", 1.0, 0.0),
    "kvar": ("var", 1000.0, 0.0),
    "A": ("A", 1.0, 0.0),
    "mA": ("A", 0.001, 0.0),
    "V": ("V", 1.0, 0.0),
    "mV": ("V", 0.001, 0.0),
    "kV": ("V", 1000.0, 0.0),
    "Percent": ("Percent", 1.0, 0.0),
    "%": ("Percent", 1.0, 0.0),
    "Hertz": ("Hertz", 1.0, 0.0),
    "Hz": ("Hertz", 1.0, 0.0),
    "mHz": ("Hertz", 0.001, 0.0),
    "RPM": ("RPM", 1.0, 0.0),
    "s": ("s", 1.0, 0.0),
    "min": ("s", 60.0, 0.0),
    "h": ("s", 3600.0, 0.0),
    # 1.6 spells it both ways (its schema has both).
    "Celsius": ("Celsius", 1.0, 0.0),
    "Celcius": ("Celsius", 1.0, 0.0),
    "K": ("Celsius", 1.0, -273.15),
    "Fahrenheit": ("Celsius", 5 / 9, -160 / 9),
}

# Stations write `kwh` and `KW`. Not with M and m, which a factor of 10^9 parts.
_FOLDED = {name.casefold(): scale for name, scale in _UNITS.items() if name[0] not in "mM"}

# First match decides: what a measurand's values are measured in ("": a number without a unit).
_BASES: tuple[tuple[str, str], ...] = (
    ("Energy.Reactive", "varh"),
    ("Energy.Apparent", "VAh"),
    ("Energy", "Wh"),  # EnergyRequest of 2.1 too
    ("Power.Reactive", "var"),
    ("Power.Apparent", "VA"),
    ("Power.Factor", ""),
    ("Power", "W"),
    ("Current", "A"),
    ("Voltage", "V"),
    ("SoC", "Percent"),
    ("Temperature", "Celsius"),
    ("Frequency", "Hertz"),
    ("RPM", "RPM"),
    ("Display.RemainingTime", "s"),
    ("Display.BatteryEnergyCapacity", "Wh"),
    ("Display.ChargingComplete", ""),
    ("Display.InletHot", ""),
    ("Display", "Percent"),  # states of charge
)
_DEFAULT_WORDS = {"varh": "Wh", "VAh": "Wh", "var": "W", "VA": "W"}
_OTHER_KINDS = {"VA": "Apparent", "VAh": "Apparent", "var": "Reactive", "varh": "Reactive"}

# A comma before three digits may part thousands: such a text is no number that we know.
_NUMBER = re.compile(
    r"\s*[+-]?\d{1,18}(?:\.\d{0,18}|,(?:\d{1,2}|\d{4,18}))?(?:[eE][+-]?\d{1,3})?\s*", re.ASCII
)

Form: TypeAlias = tuple[float, float, Series]
"""How values of a form are read: factor, offset, and what they are."""

_forms: dict[tuple[Any, ...], Form | None] = {}


def readings_16(values: Sequence[Any]) -> tuple[MeterReading, ...]:
    """MeterValue of 1.6 as readings."""
    readings = []
    forms = _forms
    for value in values:
        series: list[Series] = []
        numbers: list[float] = []
        signed: list[SignedValue] = []
        for item in value.sampledValue:
            key = (item.measurand, item.unit, item.phase, item.context, item.location)
            try:
                form = forms[key]
            except KeyError:
                form = _learn(key, item.measurand, item.unit, 0, item.phase, item.context, item.location)
            if item.format == "SignedData":
                signed.append(
                    SignedValue(item.value, item.measurand or REGISTER, item.context or DEFAULT_CONTEXT)
                )
                continue
            if form is None:
                continue
            factor, offset, kind = form
            try:
                number = float(item.value) * factor + offset
            except ValueError:
                number = _number(item.value) * factor + offset
            if -LARGEST < number < LARGEST and "_" not in item.value:
                series.append(kind)
                numbers.append(number)
        shape = shape_of(tuple(series))
        readings.append(MeterReading(utc(value.timestamp), shape, tuple(numbers), tuple(signed)))
    return tuple(readings)


def readings_2(values: Sequence[Any]) -> tuple[MeterReading, ...]:
    """MeterValueType of 2.x as readings."""
    readings = []
    forms = _forms
    for value in values:
        series: list[Series] = []
        numbers: list[float] = []
        signed: list[SignedValue] = []
        for item in value.sampledValue:
            told = item.unitOfMeasure
            key: tuple[Any, ...]
            if told is None:
                key = (item.measurand, None, item.phase, item.context, item.location)
            else:
                key = (item.measurand, told.unit, item.phase, item.context, item.location, told.multiplier)
            try:
                form = forms[key]
            except KeyError:
                form = _learn(
                    key,
                    item.measurand,
                    None if told is None else told.unit,
                    0 if told is None else told.multiplier or 0,
                    item.phase,
                    item.context,
                    item.location,
                )
            if item.signedMeterValue is not None:
                signed.append(_signed(item))
            if form is None:
                continue
            factor, offset, kind = form
            number = item.value * factor + offset
            if -LARGEST < number < LARGEST:
                series.append(kind)
                numbers.append(number)
        shape = shape_of(tuple(series))
        readings.append(MeterReading(utc(value.timestamp), shape, tuple(numbers), tuple(signed)))
    return tuple(readings)


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
    form = _form(measurand, unit, multiplier, phase, context, location)
    if form is None:
        return None
    factor, offset, kind = form
    number = (_number(value) if isinstance(value, str) else value) * factor + offset
    if not -LARGEST < number < LARGEST:
        return None
    return Sample(kind.measurand, number, kind.unit, kind.phase, kind.context, kind.location)


def _number(text: str) -> float:
    """The number that a text tells, NaN for none."""
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else float("nan")


def _signed(item: Any) -> SignedValue:
    told = item.signedMeterValue
    return SignedValue(
        told.signedMeterData,
        item.measurand or REGISTER,
        item.context or DEFAULT_CONTEXT,
        told.signingMethod or "",
        told.encodingMethod,
        told.publicKey or "",
    )


def _learn(key: tuple[Any, ...], *told: Any) -> Form | None:
    if len(_forms) >= FORMS_KEPT:
        _forms.clear()
    form = _forms[key] = _form(*told)
    return form


def _form(
    measurand: str | None,
    unit: str | None,
    multiplier: int,
    phase: str | None,
    context: str | None,
    location: str | None,
) -> Form | None:
    measurand = measurand or REGISTER
    scale = _scale(measurand, unit.strip() if unit else "")
    if scale is None or phase not in _PHASES or not -30 <= multiplier <= 30:
        # The schema has no bounds for a multiplier: nobody measures in 10^30.
        return None
    base, factor, offset = scale
    if ".Active." in measurand and base in _OTHER_KINDS:
        measurand = measurand.replace("Active", _OTHER_KINDS[base])
    kind = series_of(
        measurand, base, _PHASES[phase], context or DEFAULT_CONTEXT, location or DEFAULT_LOCATION
    )
    return factor * 10.0**multiplier, offset, kind


def _scale(measurand: str, unit: str) -> tuple[str, float, float] | None:
    """(base unit, factor, offset) of a measurand's values; None for a unit of another dimension."""
    base = next((base for prefix, base in _BASES if measurand.startswith(prefix)), None)
    known = _UNITS.get(unit) or _FOLDED.get(unit.casefold())
    if base is None:  # a measurand that a later version brings
        return known or (unit, 1.0, 0.0)
    if not unit:
        return base, 1.0, 0.0
    if known is None:
        return None
    told, factor, offset = known
    if told == base:
        return known
    if told == _DEFAULT_WORDS.get(base):
        return base, factor, 0.0
    if told == "Percent" and base == "":
        return "", 0.01, 0.0
    if base in ("W", "Wh") and told in _OTHER_KINDS and told.endswith("h") == (base == "Wh"):
        return told, factor, offset
    return None


def utc(at: datetime) -> datetime:
    """A station's timestamp: one without a zone is UTC."""
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC)
    try:
        return at.astimezone(UTC)
    except OverflowError:  # the first or last day that there is
        return at.replace(tzinfo=UTC)


def identifier(number: int | None) -> int | None:
    """A number that a station chose, no larger than a database's integers: the schemas set no bound."""
    return number if number is None or -LAST_INTEGER <= number <= LAST_INTEGER else LAST_INTEGER


def believable_wh(register: int) -> float | None:
    """A register that a meter can show, None for another number."""
    return float(register) if -LARGEST < register < LARGEST else None


def one_decimal(limit: float) -> float:
    """Rounded down to what the wire can carry: a limit is never given away by rounding."""
    return round(math.floor(round(limit * 10, 6)) / 10, 1)


def whole_second(at: datetime) -> datetime:
    """For the wire: some stations fail on microseconds, and none needs them."""
    return at.replace(microsecond=0)


def moment(at: datetime | None) -> datetime | None:
    """The same of a time that may be missing."""
    return None if at is None else whole_second(at)


def register_wh(readings: tuple[MeterReading, ...], *, first: bool) -> float | None:
    """The import register of the whole EVSE that the readings tell: of the earliest or of the latest instant.

    A register given per phase only is the sum of its phases. Values marked `Transaction.Begin` or
    `Transaction.End` win over periodic ones of the same message.
    """
    if len(readings) == 1:  # as nearly always
        places, _ = (_FIRST if first else _LAST)[readings[0].shape]
        values = readings[0].values
        return values[places[0]] if len(places) == 1 else _sum(values, places)
    best: tuple[bool, datetime, float] | None = None
    for reading in readings:
        places, marked = (_FIRST if first else _LAST)[reading.shape]
        value = _sum(reading.values, places)
        if value is None:
            continue
        if (
            best is None
            or marked > best[0]
            or (marked == best[0] and (reading.at < best[1] if first else reading.at >= best[1]))
        ):
            best = (marked, reading.at, value)
    return None if best is None else best[2]


def _sum(values: Sequence[float], places: tuple[int, ...]) -> float | None:
    return sum([values[place] for place in places]) if places else None


def _register_in(shape: Shape, wanted: str) -> tuple[tuple[int, ...], bool]:
    """Where in a reading its register is (places to be added up), and whether it is marked as `wanted`."""
    total: int | None = None
    phases: dict[int, int] = {}
    marked = False
    for place, item in enumerate(shape.series):
        if item.measurand != REGISTER or item.location not in (DEFAULT_LOCATION, "Inlet", "Body"):
            continue
        if item.phase:
            if item.phase <= LAST_PHASE:
                phases[item.phase] = place
        elif total is None or item.context == wanted or item.location == DEFAULT_LOCATION:
            total = place
            marked = marked or item.context == wanted
    return (tuple(phases.values()) if total is None else (total,)), marked


_FIRST = OfShape(lambda shape: _register_in(shape, "Transaction.Begin"))
_LAST = OfShape(lambda shape: _register_in(shape, "Transaction.End"))
