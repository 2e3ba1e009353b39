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


class Sample(Struct, frozen=True, gc=False):
    """One measured value in base units (W, Wh, A, V, Percent, Hertz ...).

    `phase` is 0 for the sum or a DC value, 1..3 for L1..L3 *of the EVSE*. `register` values count up for
    ever, intervals don't.
    """

    measurand: Measurand
    value: float
    unit: str
    phase: int = 0
    context: str = "Sample.Periodic"
    location: str = "Outlet"


class MeterReading(Struct, frozen=True, gc=False):
    """All samples of one instant (`at`: UTC, aware; the station's time after correction of its skew)."""

    at: datetime
    samples: tuple[Sample, ...]


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
