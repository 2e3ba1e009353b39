"""The EVSEs of a simulated site: who made them, what they speak, how they are wired.

Makes and models are invented; ratings are usual ones.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from ..model.phases import Rotation
from ..model.site import Evse, EvseKey

PhaseRotation: TypeAlias = Literal["RST", "RTS", "SRT", "STR", "TRS", "TSR"]
"""OCPP's words (1.6 ConnectorPhaseRotation): which grid phase R, S, T the EVSE's L1, L2, L3 are wired to."""

OcppVersion: TypeAlias = Literal["1.6", "2.0.1", "2.1"]

#: From the supply's watts to the car's, of DC stations (their data sheets say 0.94 to 0.96).
RECTIFIER_EFFICIENCY: Final = 0.95


class EvsePlan(Struct, frozen=True, kw_only=True):
    """One EVSE as it is built and wired.

    `phases` is 1 or 3 (DC: 3, of its supply); `phase_rotation` says where they land, its first letter alone
    for one phase. `max_a` is per phase of the supply. `dc_power_w` is the rating on the car's side, None on
    AC. `safe_a` is what it draws when nobody talks to it. `connector_type` is OCPP 2.x's word.
    """

    station_id: str
    vendor: str
    model: str
    ocpp_version: OcppVersion
    evse_id: int = 1
    phases: int = 3
    phase_rotation: PhaseRotation = "RST"
    max_a: float = 32.0
    dc_power_w: float | None = None
    connector_type: str = "cType2"
    safe_a: float = 0.0

    @property
    def key(self) -> EvseKey:
        """Station and EVSE."""
        return (self.station_id, self.evse_id)

    @property
    def rotation(self) -> Rotation:
        """For each of the EVSE's L1, L2, L3 the grid's phase, 0..2."""
        one, two, three = ("RST".index(letter) for letter in self.phase_rotation)
        return one, two, three

    @property
    def grid_phases(self) -> tuple[int, ...]:
        """The grid's phases (0..2) that it uses, in the EVSE's own order."""
        return self.rotation[: self.phases]

    def as_evse(self, circuit_id: str) -> Evse:
        """The same as the control law wants it, on a circuit whose phases are the grid's."""
        return Evse(
            station_id=self.station_id,
            evse_id=self.evse_id,
            circuit_id=circuit_id,
            phases=self.grid_phases,
            max_a=self.max_a,
            safe_a=self.safe_a,
            dc_power_w=self.dc_power_w,
            label=f"{self.station_id}/{self.evse_id}",
        )


_ROTATIONS: Final[tuple[PhaseRotation, ...]] = ("RST", "STR", "TRS")


class _Kind(Struct, frozen=True, kw_only=True):
    vendor: str
    model: str
    version: OcppVersion
    phases: int = 3
    max_a: float = 32.0
    dc_power_w: float | None = None
    safe_a: float = 0.0
    second: bool = False


_HALDEN = _Kind(vendor="Halden", model="Wall 22", version="1.6")
_HALDEN_TWIN = _Kind(vendor="Halden", model="Twin 22", version="1.6", safe_a=6.0)
_HALDEN_TWIN_2 = _Kind(vendor="Halden", model="Twin 22", version="1.6", safe_a=6.0, second=True)
_NORRWATT = _Kind(vendor="Norrwatt", model="Solo 7", version="1.6", phases=1)
_NORRWATT_SAFE = _Kind(vendor="Norrwatt", model="Solo 7 S", version="1.6", phases=1, safe_a=6.0)
_KESTREL = _Kind(vendor="Kestrel", model="K2-AC", version="2.0.1", safe_a=6.0)
_KESTREL_11 = _Kind(vendor="Kestrel", model="K2-AC11", version="2.0.1", max_a=16.0)
_KESTREL_SOLO = _Kind(vendor="Kestrel", model="K1-AC", version="2.0.1", phases=1)
_KESTREL_DC = _Kind(vendor="Kestrel", model="K5-DC", version="2.0.1", max_a=80.0, dc_power_w=50_000.0)
_LUMEN = _Kind(vendor="Lumenfield", model="LF-3", version="2.1", safe_a=6.0)
_LUMEN_DC = _Kind(vendor="Lumenfield", model="LF-50", version="2.1", max_a=80.0, dc_power_w=50_000.0)

#: 24 EVSEs on 23 stations: 12 speak 1.6, 8 speak 2.0.1, 4 speak 2.1; 6 on one phase, 16 on three, 2 DC.
_WORKPLACE: Final = (
    _HALDEN, _KESTREL, _NORRWATT, _LUMEN, _HALDEN_TWIN, _HALDEN_TWIN_2, _KESTREL_SOLO, _HALDEN,
    _KESTREL, _NORRWATT_SAFE, _LUMEN_DC, _HALDEN, _KESTREL_11, _NORRWATT, _LUMEN, _HALDEN,
    _KESTREL_SOLO, _HALDEN, _KESTREL_11, _NORRWATT, _LUMEN, _KESTREL_DC, _HALDEN, _KESTREL,
)  # fmt: skip


def workplace_evses(count: int = 24, prefix: str = "WP") -> tuple[EvsePlan, ...]:
    """The EVSEs of the demo's workplace, `prefix`-01 on; above 24 the mix repeats.

    One- and three-phase EVSEs are each wired to the next rotation in turn, as good installers do.
    """
    plans: list[EvsePlan] = []
    station = 0
    turns = {1: 0, 3: 0}
    for number in range(count):
        kind = _WORKPLACE[number % len(_WORKPLACE)]
        station += not kind.second
        plans.append(
            EvsePlan(
                station_id=f"{prefix}-{station:02d}",
                vendor=kind.vendor,
                model=kind.model,
                ocpp_version=kind.version,
                evse_id=2 if kind.second else 1,
                phases=kind.phases,
                phase_rotation=_ROTATIONS[turns[kind.phases] % 3],
                max_a=kind.max_a,
                dc_power_w=kind.dc_power_w,
                connector_type="cType2" if kind.dc_power_w is None else "cCCS2",
                safe_a=kind.safe_a,
            )
        )
        turns[kind.phases] += 1
    return tuple(plans)


#: The mix of makes on a replayed site: half 1.6, a third 2.0.1, a sixth 2.1, all on one phase.
_REPLAYED: Final = (_NORRWATT, _KESTREL_SOLO, _NORRWATT, _KESTREL_SOLO, _NORRWATT,
                    _Kind(vendor="Lumenfield", model="LF-1", version="2.1", phases=1))  # fmt: skip


def replay_evses(station_ids: tuple[str, ...]) -> tuple[EvsePlan, ...]:
    """One EVSE for each station of a session file: 32 A on one phase of 230 V, rotated in turn."""
    plans = []
    for number, station_id in enumerate(station_ids):
        kind = _REPLAYED[number % len(_REPLAYED)]
        plans.append(
            EvsePlan(
                station_id=station_id,
                vendor=kind.vendor,
                model=kind.model,
                ocpp_version=kind.version,
                phases=1,
                phase_rotation=_ROTATIONS[number % 3],
            )
        )
    return tuple(plans)


def equal_evses(
    count: int, *, prefix: str, phases: int = 3, max_a: float = 32.0, dc_power_w: float | None = None
) -> tuple[EvsePlan, ...]:
    """So many EVSEs of one kind, `prefix`-01 on, each a station of its own, rotated in turn.

    On DC (`dc_power_w`, at the car) the supply is three-phase and as strong as the rating needs at 400 V.
    """
    if dc_power_w is not None:
        phases, max_a = 3, float(round(dc_power_w / RECTIFIER_EFFICIENCY / 690.0) + 1)
    return tuple(
        EvsePlan(
            station_id=f"{prefix}-{number:02d}",
            vendor="Kestrel",
            model="K2-AC" if dc_power_w is None else "K5-DC",
            ocpp_version="2.0.1",
            phases=phases,
            phase_rotation=_ROTATIONS[(number - 1) % 3],
            max_a=max_a,
            dc_power_w=dc_power_w,
            connector_type="cType2" if dc_power_w is None else "cCCS2",
        )
        for number in range(1, count + 1)
    )
