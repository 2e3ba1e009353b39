"""Every measurand, unit, multiplier, phase, location and context of the three versions, in one form.

What is expected is written down here once more, by hand, and compared with what a message becomes on its way
through codec and dialect.
"""

from __future__ import annotations

import itertools
import json
import timeit
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from ampacity.csms.dialects import dialect
from ampacity.csms.dialects.samples import readings_2, readings_16
from ampacity.csms.meters import power_w
from ampacity.csms.vocabulary import Metered
from ampacity.model.station import MeterReading, Sample, quantity_of
from ampacity.ocpp.codec import Codec
from ampacity.ocpp.messages import v16, v21, v201
from ampacity.ocpp.version import Role, Version

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

CODECS = {version.value: Codec(version, Role.CSMS, lenient=True) for version in Version}
VERSIONS = tuple(CODECS)
AT = "2026-03-02T12:00:00Z"

MEASURANDS: dict[str, tuple[str, ...]] = {
    "1.6": get_args(v16.Measurand),
    "2.0.1": get_args(v201.MeasurandEnumType),
    "2.1": get_args(v21.MeasurandEnumType),
}
PHASES = {
    None: 0, "L1": 1, "L2": 2, "L3": 3, "L1-N": 1, "L2-N": 2, "L3-N": 3,
    "N": 4, "L1-L2": 5, "L2-L3": 6, "L3-L1": 7,
}  # fmt: skip

WH = {None: 1.0, "Wh": 1.0, "kWh": 1e3, "MWh": 1e6, "kwh": 1e3, "KWH": 1e3}
W = {None: 1.0, "W": 1.0, "kW": 1e3, "MW": 1e6, "KW": 1e3, "w": 1.0}
VARH = {None: 1.0, "varh": 1.0, "kvarh": 1e3, "Wh": 1.0, "kWh": 1e3}
VAR = {None: 1.0, "var": 1.0, "kvar": 1e3, "W": 1.0, "kW": 1e3}
VAH = {None: 1.0, "VAh": 1.0, "kVAh": 1e3, "Wh": 1.0}
PERCENT = {None: 1.0, "Percent": 1.0, "%": 1.0}
PLAIN: dict[str | None, float] = {None: 1.0}

DIMENSIONS: dict[str, tuple[str, dict[Any, float]]] = {
    "Current": ("A", {None: 1.0, "A": 1.0, "mA": 1e-3}),
    "Display.BatteryEnergyCapacity": ("Wh", WH),
    "Display.ChargingComplete": ("", PLAIN),
    "Display.InletHot": ("", PLAIN),
    "Display.RemainingTime": ("s", {None: 1.0, "s": 1.0, "min": 60.0}),
    "Display.": ("Percent", PERCENT),
    "Energy.Active": ("Wh", WH),
    "Energy.Apparent": ("VAh", VAH),
    "Energy.Reactive": ("varh", VARH),
    "EnergyRequest": ("Wh", WH),
    "Frequency": ("Hertz", {None: 1.0, "Hertz": 1.0, "Hz": 1.0}),
    "Power.Factor": ("", {None: 1.0, "Percent": 0.01}),
    "Power.Reactive": ("var", VAR),
    "Power.": ("W", W),
    "RPM": ("RPM", PLAIN),
    "SoC": ("Percent", PERCENT),
    "Temperature": ("Celsius", {None: 1.0, "Celsius": 1.0, "Celcius": 1.0}),
    "Voltage": ("V", {None: 1.0, "V": 1.0}),
}


def dimension(measurand: str) -> tuple[str, dict[Any, float]]:
    name = max((name for name in DIMENSIONS if measurand.startswith(name)), key=len)
    return DIMENSIONS[name]


def wire(
    version: str,
    value: float | str,
    *,
    unit: str | None = None,
    multiplier: int | None = None,
    **members: str | None,
) -> dict[str, Any]:
    """A sampled value in the words of a version."""
    item: dict[str, Any] = {"value": str(value) if version == "1.6" else value}
    item |= {name: member for name, member in members.items() if member is not None}
    if version == "1.6":
        return item if unit is None else item | {"unit": unit}
    told = {"unit": unit, "multiplier": multiplier}
    told = {name: member for name, member in told.items() if member is not None}
    return item | {"unitOfMeasure": told} if told else item


def reading(version: str, items: list[dict[str, Any]]) -> MeterReading:
    """What a MeterValues of these becomes."""
    values = [{"timestamp": AT, "sampledValue": items}]
    evse = "connectorId" if version == "1.6" else "evseId"
    raw = json.dumps({evse: 1, "meterValue": values}).encode()
    payload, _ = CODECS[version].read_call("MeterValues", raw)
    said = dialect(version).understand("MeterValues", payload, raw)
    assert isinstance(said, Metered)
    [made] = said.readings
    return made


def samples(version: str, items: list[dict[str, Any]]) -> tuple[Sample, ...]:
    return reading(version, items).samples


CASES = [(version, measurand) for version in VERSIONS for measurand in MEASURANDS[version]]


@pytest.mark.parametrize(("version", "measurand"), CASES)
def test_each_measurand_in_each_of_its_units_multipliers_and_phases(version: str, measurand: str) -> None:
    base, units = dimension(measurand)
    multipliers: tuple[int | None, ...] = (None,) if version == "1.6" else (None, 0, 3, -3, 6)
    combinations = list(itertools.product(units.items(), multipliers, PHASES.items()))
    items = [
        wire(version, 2.5, measurand=measurand, unit=unit, multiplier=multiplier, phase=phase)
        for (unit, _), multiplier, (phase, _) in combinations
    ]
    made = samples(version, items)
    assert [(item.measurand, item.unit, item.phase) for item in made] == [
        (measurand, base, number) for _, _, (_, number) in combinations
    ]
    assert [item.value for item in made] == pytest.approx(
        [2.5 * factor * 10 ** (multiplier or 0) for (_, factor), multiplier, _ in combinations]
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_each_context_and_location(version: str) -> None:
    words: Any = {"1.6": v16, "2.0.1": v201, "2.1": v21}[version]
    contexts = get_args(words.ReadingContext if version == "1.6" else words.ReadingContextEnumType)
    locations = get_args(words.Location if version == "1.6" else words.LocationEnumType)
    pairs = list(itertools.product((None, *contexts), (None, *locations)))
    made = samples(
        version, [wire(version, 1, context=context, location=location) for context, location in pairs]
    )
    assert [(item.context, item.location) for item in made] == [
        (context or "Sample.Periodic", location or "Outlet") for context, location in pairs
    ]
    assert {(item.measurand, item.unit) for item in made} == {("Energy.Active.Import.Register", "Wh")}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("measurand", "unit", "named", "base", "factor"),
    [
        ("Power.Active.Import", "VA", "Power.Apparent.Import", "VA", 1.0),
        ("Power.Active.Export", "kVA", "Power.Apparent.Export", "VA", 1e3),
        ("Power.Active.Import", "kvar", "Power.Reactive.Import", "var", 1e3),
        ("Energy.Active.Import.Register", "varh", "Energy.Reactive.Import.Register", "varh", 1.0),
        ("Power.Offered", "kVA", "Power.Offered", "VA", 1e3),
    ],
)
def test_what_is_no_active_power_is_not_counted_as_watts(
    version: str, measurand: str, unit: str, named: str, base: str, factor: float
) -> None:
    [made] = samples(version, [wire(version, 7, measurand=measurand, unit=unit)])
    assert (made.measurand, made.unit, made.value) == (named, base, 7 * factor)
    assert power_w(MeterReading.of(NOON, [made]), 230.0) is None


@pytest.mark.parametrize(
    ("unit", "value", "celsius"), [("K", 300.15, 27.0), ("Fahrenheit", 68, 20.0), ("Celcius", 20, 20.0)]
)
def test_temperatures(unit: str, value: float, celsius: float) -> None:
    [made] = samples("1.6", [wire("1.6", value, measurand="Temperature", unit=unit)])
    assert (made.unit, made.value) == ("Celsius", pytest.approx(celsius))


GOOD = 2300.0
BAD_EVERYWHERE: list[dict[str, Any]] = [
    {"unit": "A"},
    {"unit": "V"},
    {"unit": "mW"},
    {"unit": "furlong"},
    {"value": 1e300},
    {"value": 1e15},
    {"value": -1e15},
]
BAD_TEXTS = [
    "",
    "abc",
    "nan",
    "inf",
    "-Infinity",
    "1e999",
    "1.2.3",
    "1_000",
    "1,234",
    "1.234,5",
    "0x10",
    "\u00bd",
]


@pytest.mark.parametrize(
    ("version", "bad"),
    [(version, bad) for version in VERSIONS for bad in BAD_EVERYWHERE]
    + [("1.6", {"value": text}) for text in BAD_TEXTS]
    + [(v, {"unit": "W", "multiplier": power}) for v in ("2.0.1", "2.1") for power in (400, -400, 31, 13)],
)
def test_a_value_that_can_not_be_used_is_left_out_alone(version: str, bad: dict[str, Any]) -> None:
    power = "Power.Active.Import"
    members = {"value": GOOD, "measurand": power} | bad
    good = wire(version, GOOD, measurand=power, unit="W")
    made = samples(version, [good, wire(version, members.pop("value"), **members), good])
    assert [item.value for item in made] == [GOOD, GOOD]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,5", 1.5),
        ("1,2345", 1.2345),
        (" 7 ", 7.0),
        ("+3.", 3.0),
        ("1e3", 1000.0),
        ("-0.5", -0.5),
        ("0", 0.0),
    ],
)
def test_texts_that_are_numbers(text: str, number: float) -> None:
    [made] = samples("1.6", [wire("1.6", text)])
    assert made.value == number


def test_signed_data_of_1_6_keeps_its_text() -> None:
    text = 'OCMF|{"FV":"1.0"}|{"SD":"30"}'
    signed = wire("1.6", text, format="SignedData", context="Transaction.Begin")
    made = reading("1.6", [signed, wire("1.6", 5)])
    assert [item.value for item in made.samples] == [5.0]
    [kept] = made.signed
    assert (kept.text, kept.context, kept.measurand) == (
        text, "Transaction.Begin", "Energy.Active.Import.Register",
    )  # fmt: skip


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_a_signed_value_of_2_is_kept_beside_its_number(version: str) -> None:
    told = {
        "signedMeterData": "T0NNRg==",
        "signingMethod": "ECDSA",
        "encodingMethod": "OCMF",
        "publicKey": "a2V5",
    }
    made = reading(version, [wire(version, 5) | {"signedMeterValue": told}])
    [kept] = made.signed
    assert (kept.text, kept.method, kept.encoding, kept.public_key) == ("T0NNRg==", "ECDSA", "OCMF", "a2V5")
    assert [item.value for item in made.samples] == [5.0]


def test_neutral_and_phase_to_phase_values_are_no_part_of_a_sum() -> None:
    phases = ("L1", "L2", "L3", "N", "L1-L2")
    made = samples(
        "1.6", [wire("1.6", 10, measurand="Current.Import", unit="A", phase=phase) for phase in phases]
    )
    assert power_w(MeterReading.of(NOON, made), 230.0) == pytest.approx(6900.0)
    made = samples(
        "1.6", [wire("1.6", 100, measurand="Power.Active.Import", phase=phase) for phase in phases]
    )
    assert power_w(MeterReading.of(NOON, made), 230.0) == pytest.approx(300.0)


@pytest.mark.parametrize(
    ("measurand", "quantity"),
    [
        ("Energy.Active.Import.Register", "register"),
        ("Energy.Active.Import.Interval", "interval"),
        ("Energy.Reactive.Export.Interval", "interval"),
        ("Energy.Apparent.Import", "register"),
        ("EnergyRequest.Target", "instant"),
        ("Power.Active.Import", "instant"),
        ("SoC", "instant"),
    ],
)
def test_registers_and_intervals_are_told_apart(measurand: str, quantity: str) -> None:
    assert quantity_of(measurand) == quantity


@pytest.mark.parametrize("version", VERSIONS)
def test_eight_samples_cost_little(version: str) -> None:
    """The bound is ten times what it costs (2.2 us on a slow core), so that a loaded machine passes and a
    table that is worked out anew for each value doesn't.
    """
    names = [("Energy.Active.Import.Register", None), ("Power.Active.Import", None)]
    names += [(measurand, f"L{n}") for measurand in ("Current.Import", "Voltage") for n in (1, 2, 3)]
    items = [
        wire(version, 5, measurand=measurand, phase=phase, context="Sample.Periodic")
        for measurand, phase in names
    ]
    evse = "connectorId" if version == "1.6" else "evseId"
    raw = json.dumps({evse: 1, "meterValue": [{"timestamp": AT, "sampledValue": items}]}).encode()
    payload: Any = CODECS[version].read_call("MeterValues", raw)[0]
    read = readings_16 if version == "1.6" else readings_2
    assert min(timeit.repeat(lambda: read(payload.meterValue), number=500, repeat=5)) / 500 < 22e-6
