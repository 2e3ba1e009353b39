"""What a station says, in words that no OCPP version owns.

The statuses are the union of 1.6's (which tells a connector's charging state) and 2.x's (which tells it in
transactions): `csms.dialects` fills in whichever way the station speaks.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

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


class MeterReading(Struct, frozen=True, gc=False):
    """All samples of one instant (`at`: UTC, aware; the station's time after correction of its skew)."""

    at: datetime
    samples: tuple[Sample, ...]
    signed: tuple[SignedValue, ...] = ()


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
