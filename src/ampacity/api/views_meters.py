"""What the API takes and gives of circuits' meters."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from ..model.live import MeterFault
from ..model.phases import PerPhase
from ..model.site import MeterConfig
from .views import Time


class MeterChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reading of a circuit's meter, import positive. `at` is now when absent. With the power of each phase
    the direction of its current comes from there.
    """

    current_a: PerPhase
    at: Time | None = None
    power_w: PerPhase | None = None
    voltage_v: PerPhase | None = None


class MeterConfigChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a circuit is to be metered. It is read once before it is kept; `unproven` keeps it whatever that
    brings: until it tells something the cars below it get what they may draw unattended.

    A password that is left out, or is the stars that are shown, stays as it is towards the same address.
    """

    meter: MeterConfig
    unproven: bool = False


class MeterTestRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which meter to read once: the circuit's own where none is given."""

    meter: MeterConfig | None = None


class MeterReadingView(Struct, frozen=True, kw_only=True):
    """A reading that counts, on the circuit's phases, import positive."""

    at: datetime
    current_a: PerPhase
    power_w: float | None
    voltage_v: tuple[float | None, float | None, float | None] | None
    import_wh: float | None
    export_wh: float | None


class MeterTestView(Struct, frozen=True, kw_only=True):
    """What one reading brought, line by line in words; `reading` where it could be used, else the fault."""

    usable: bool
    words: tuple[str, ...]
    reading: MeterReadingView | None
    fault: MeterFault | None


class MeterView(Struct, frozen=True, kw_only=True):
    """A circuit's meter: how it is read, what it told last, and what cars' steps say of its phases (`phases`
    in words; `seen_phases` where its L1.. seem to be, None while that is not shown).
    """

    circuit_id: str
    meter: MeterConfig | None
    state: Literal["none", "fresh", "stale", "dead"]
    reading: MeterReadingView | None
    fault: MeterFault | None
    fault_text: str | None
    fault_since: datetime | None
    phases: str | None
    seen_phases: tuple[int, int, int] | None


class MeterMapView(Struct, frozen=True, kw_only=True):
    """A register map that a Modbus meter may name."""

    map: str
    name: str
    source: str
    tells: tuple[str, ...]
