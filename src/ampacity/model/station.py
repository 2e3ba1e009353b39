"""What a station says, in words that no OCPP version owns.

The statuses are the union of 1.6's (which tells a connector's charging state) and 2.x's (which tells it in
transactions): `csms.dialects` fills in whichever way the station speaks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Literal, TypeAlias, TypeVar

from msgspec import Struct

T = TypeVar("T")

ConnectorStatus: TypeAlias = Literal[
    "Available",
    "Occupied",
    "Preparing",
    "Charging",
    "SuspendedEV",
    "SuspendedEVSE",
    "Finishing",
    "Reserved",
    "Unavailable",
    "Faulted",
]

ChargingState: TypeAlias = Literal["EVConnected", "Charging", "SuspendedEV", "SuspendedEVSE", "Idle"]

Measurand: TypeAlias = str
"""An OCPP measurand name, e.g. `Energy.Active.Import.Register`; those used by the law: `Current.Import` (A,
per phase), `Power.Active.Import` (W), `Energy.Active.Import.Register` (Wh), `SoC` (Percent), `Voltage` (V).
"""


ALL_PHASES, LAST_PHASE, NEUTRAL = 0, 3, 4
"""Numbers of phases: 0 for the sum or a DC value, 1..3 for L1..L3 *of the EVSE* against neutral, 4 for the
neutral, 5..7 for L1-L2, L2-L3, L3-L1. Who adds phases up must leave those above 3 out.
"""

Quantity: TypeAlias = Literal["register", "interval", "instant"]


def quantity_of(measurand: Measurand) -> Quantity:
    """What a measurand's values are: a register counts up for ever, an interval's value belongs to the time
    since the one before, all else holds for the instant.
    """
    if measurand.endswith(".Interval"):
        return "interval"
    return "register" if measurand.startswith("Energy.") else "instant"


class Sample(Struct, frozen=True, gc=False):
    """One measured value in base units (W, Wh, A, V, Percent, Hertz, s ...); `phase` as above."""

    measurand: Measurand
    value: float
    unit: str
    phase: int = 0
    context: str = "Sample.Periodic"
    location: str = "Outlet"


class SignedValue(Struct, frozen=True, gc=False):
    """A value as a meter signed it: `text` as it came. 1.6 tells nothing of method, encoding and key."""

    text: str
    measurand: Measurand
    context: str
    method: str = ""
    encoding: str = ""
    public_key: str = ""


class Series(Struct, frozen=True, eq=False, gc=False):
    """What a value is one of. `series_of` makes one object for each that occurs, so they compare by identity;
    attributes as in Sample.
    """

    measurand: Measurand
    unit: str
    phase: int = 0
    context: str = "Sample.Periodic"
    location: str = "Outlet"


class Shape(Struct, frozen=True, eq=False, gc=False):
    """The series of a reading, in order. A meter tells the same ones all the time, so what follows from them
    is worked out once for a shape (`OfShape`) and not for each message. One object for each that occurs.
    """

    series: tuple[Series, ...]


class OfShape(dict[Shape, T]):
    """What follows from a shape, worked out by `work_out` when it is first asked for."""

    def __init__(self, work_out: Callable[[Shape], T]) -> None:
        super().__init__()
        self._work_out = work_out

    def __missing__(self, shape: Shape) -> T:
        if len(self) >= SHAPES_KEPT:
            self.clear()
        found = self[shape] = self._work_out(shape)
        return found


SHAPES_KEPT = 5_000
"""Stations may invent measurands and units: what is remembered is bounded."""

_series: dict[tuple[str, str, int, str, str], Series] = {}
_shapes: dict[tuple[Series, ...], Shape] = {}


def series_of(measurand: Measurand, unit: str, phase: int, context: str, location: str) -> Series:
    """The one object for a series."""
    key = (measurand, unit, phase, context, location)
    found = _series.get(key)
    if found is None:
        if len(_series) >= SHAPES_KEPT:
            _series.clear()
            _shapes.clear()
        found = _series[key] = Series(*key)
    return found


def shape_of(series: tuple[Series, ...]) -> Shape:
    """The one object for a shape."""
    found = _shapes.get(series)
    if found is None:
        if len(_shapes) >= SHAPES_KEPT:
            _shapes.clear()
        found = _shapes[series] = Shape(series)
    return found


class MeterReading(Struct, frozen=True, gc=False):
    """All values of one instant (`at`: UTC, aware; the station's time after correction of its skew), one for
    each series of `shape`.
    """

    at: datetime
    shape: Shape
    values: tuple[float, ...]
    signed: tuple[SignedValue, ...] = ()

    @classmethod
    def of(
        cls, at: datetime, samples: Iterable[Sample], signed: tuple[SignedValue, ...] = ()
    ) -> MeterReading:
        """A reading of samples."""
        told = tuple(samples)
        series = tuple(
            series_of(item.measurand, item.unit, item.phase, item.context, item.location) for item in told
        )
        return cls(at, shape_of(series), tuple(item.value for item in told), signed)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Each value with what it is."""
        return tuple(
            Sample(item.measurand, value, item.unit, item.phase, item.context, item.location)
            for item, value in zip(self.shape.series, self.values, strict=True)
        )


class IdToken(Struct, frozen=True, gc=False):
    """A driver's token. `kind` is 2.x's type (`ISO14443`, `Central`, `eMAID`, ...), `ISO14443` in 1.6."""

    value: str
    kind: str = "ISO14443"


class StationInfo(Struct, frozen=True, kw_only=True):
    """What a station told of itself when it booted."""

    vendor: str
    model: str
    serial: str = ""
    firmware: str = ""


TransactionPhase: TypeAlias = Literal["Started", "Updated", "Ended"]
