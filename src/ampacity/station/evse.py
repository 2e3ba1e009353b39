"""An EVSE's hardware: contactor, meter, cable. It offers a current, the car takes what it wants, the meter
counts.

The meter's register only ever advances by what was drawn, so that the energy of a transaction is the energy
that flowed.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from ..model.phases import ZERO, PerPhase
from .config import EvseConfig, MeterFlaw, supply_phases


class Draw(Protocol):
    """What a car takes: amperes on the EVSE's own L1..L3 (its supply side for DC) and watts."""

    @property
    def current_a(self) -> PerPhase: ...

    @property
    def power_w(self) -> float: ...


class Vehicle(Protocol):
    """A car at a connector. `at_s` is site time in seconds and never goes back."""

    @property
    def energy_wh(self) -> float:
        """Drawn so far, as an integral of the power."""
        ...

    @property
    def soc_percent(self) -> float | None: ...

    @property
    def full(self) -> bool:
        """It wants no more."""
        ...

    def step(
        self, at_s: float, offered_current_a: float, phases_available: int, voltage_v: float
    ) -> Draw: ...

    def dc_step(self, at_s: float, offered_power_w: float) -> Draw: ...

    def cut(self, at_s: float) -> None:
        """The contactor opens: nothing flows from `at_s` on, until the next step."""
        ...


class EvseHardware:
    """One EVSE. `offer` sets the pilot; `step` moves time."""

    def __init__(self, config: EvseConfig) -> None:
        self.config = config
        self.vehicle: Vehicle | None = None
        self.flaw = MeterFlaw()
        self.current_a: PerPhase = ZERO
        self.power_w = 0.0
        self.register_wh = 0.0
        self._vehicle_wh = 0.0

    def connect(self, vehicle: Vehicle) -> None:
        """A car's plug goes in."""
        self.vehicle = vehicle
        self._vehicle_wh = vehicle.energy_wh

    def disconnect(self) -> None:
        """The plug comes out."""
        self.vehicle = None
        self.current_a, self.power_w = ZERO, 0.0

    def step(
        self, at_s: float, offered_a: float, voltage_v: float | None = None, phases: int | None = None
    ) -> None:
        """Advance to `at_s` with `offered_a` on each phase (0: contactor open), on `phases` (None: all)."""
        if self.vehicle is None:
            return
        offered_a = min(offered_a, self.config.max_a)
        voltage = voltage_v or self.config.voltage_v
        draw: Draw
        if self.config.dc_power_w is not None:
            offered_w = min(self.config.dc_power_w, offered_a * 3.0 * voltage * DC_EFFICIENCY)
            draw = self.vehicle.dc_step(at_s, offered_w)
            supply_a = draw.power_w / DC_EFFICIENCY / (3.0 * voltage)
            self.current_a = (supply_a, supply_a, supply_a)
        else:
            draw = self.vehicle.step(at_s, offered_a, phases or self.config.phases, voltage)
            self.current_a = draw.current_a
        self.power_w = draw.power_w
        self._count()

    def open_contactor(self, at_s: float) -> None:
        """Stop the flow at once, whatever the car's own lag is."""
        if self.vehicle is not None:
            self.vehicle.cut(at_s)
            self._count()
        self.current_a, self.power_w = ZERO, 0.0

    def _count(self) -> None:
        assert self.vehicle is not None
        self.register_wh += self.vehicle.energy_wh - self._vehicle_wh
        self._vehicle_wh = self.vehicle.energy_wh


DC_EFFICIENCY = 0.95
"""Of the rectifier, from the supply's watts to the car's (typical of 50-150 kW stations; their data sheets
say 0.94-0.96).
"""


class Reading(Struct, frozen=True):
    """What the EVSE's meter shows: `register_wh` counts whole watt-hours, as a legal meter's display does."""

    register_wh: int
    power_w: float
    current_a: PerPhase
    soc_percent: float | None


def read(hardware: EvseHardware) -> Reading:
    """Read the meter now, with its flaw."""
    vehicle, flaw = hardware.vehicle, hardware.flaw
    phases = supply_phases(hardware.config)
    told = [0.0, 0.0, 0.0]
    for phase in range(phases):
        told[(phase + flaw.turned) % phases] = hardware.current_a[phase] * flaw.factor + flaw.offset_a
    return Reading(
        register_wh=int(hardware.register_wh + 1e-6),
        power_w=hardware.power_w * flaw.factor + flaw.offset_a * hardware.config.voltage_v * phases,
        current_a=(told[0], told[1], told[2]),
        soc_percent=vehicle.soc_percent if vehicle is not None else None,
    )
