"""One base scene that the tables vary: a grid connection with a meter, a panel turned by one phase, four
EVSEs."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from ampacity.control.law import step
from ampacity.control.settings import DEFAULTS, ControlSettings
from ampacity.control.signals import SignalState
from ampacity.control.state import START, ControlState
from ampacity.control.thermal import Reading
from ampacity.control.types import CircuitState, Decision, EvseState, Snapshot
from ampacity.model.phases import PerPhase
from ampacity.model.protection import SiteMode
from ampacity.model.site import Circuit, Evse, EvseKey, LimitSource, MeterConfig, Site
from tests.control import recording

EPOCH_S = 1_790_000_000.0

GRID = Circuit(
    circuit_id="grid",
    name="grid",
    rating_a=100.0,
    meter=MeterConfig(protocol="push", interval_s=1.0),
    reserve_a=30.0,
)
PANEL = Circuit(circuit_id="panel", name="panel", rating_a=63.0, parent_id="grid", rotation=(1, 2, 0))

A, B, C, D = (("a", 1), ("b", 1), ("c", 1), ("d", 1))


def site(*evses: Evse, **changes: Any) -> Site:
    """Three-phase `a` at the grid, `b` and single-phase `c` (on its L1) at the panel, `d` three-phase at the
    grid."""
    standard = (
        Evse(station_id="a", evse_id=1, circuit_id="grid", phases=(0, 1, 2)),
        Evse(station_id="b", evse_id=1, circuit_id="panel", phases=(0, 1, 2)),
        Evse(station_id="c", evse_id=1, circuit_id="panel", phases=(0,)),
        Evse(station_id="d", evse_id=1, circuit_id="grid", phases=(0, 1, 2)),
    )
    fields: dict[str, Any] = {
        "site_id": "site",
        "operator_id": "operator",
        "name": "scene",
        "time_zone": "UTC",
        "circuits": (GRID, PANEL),
        "evses": evses or standard,
        "commissioned": True,
    }
    return Site(**{**fields, **changes})


def charging(key: EvseKey, limit_a: float, at: float, **changes: Any) -> EvseState:
    """A car that draws all of a confirmed limit and reports it now."""
    state = EvseState(
        key=key,
        online=True,
        proven=True,
        session=True,
        wants=True,
        committed_a=limit_a,
        committed_at=at - 100,
        lease_until=at + 200,
        measured_a=(limit_a, limit_a, limit_a),
        measured_at=at,
    )
    return structs.replace(state, **changes)


def idle(key: EvseKey) -> EvseState:
    """Nothing plugged in."""
    return EvseState(key=key, online=True, proven=True)


class Scene:
    """Runs the law by hand: set `evses`, `metered`, `limits`, then `tick`."""

    def __init__(self, where: Site, settings: ControlSettings = DEFAULTS, at: float = 1_000.0) -> None:
        recording.begin(settings)
        self.site, self.settings, self.at = where, settings, at
        self.state: ControlState = START
        self.evses: dict[EvseKey, EvseState] = {e.key: idle(e.key) for e in where.evses}
        self.metered: PerPhase | None = (20.0, 20.0, 20.0)
        self.metered_at: float | None = None
        self.metered_w: float | None = None
        self.limits: tuple[LimitSource, ...] = ()
        self.mode: SiteMode = "normal"
        self.signals: dict[str, SignalState] = {}
        self.temperatures: dict[str, Reading] = {}
        self.epoch_jump_s = 0.0

    def charge(self, key: EvseKey, limit_a: float, **changes: Any) -> None:
        self.evses[key] = charging(key, limit_a, self.at, **changes)

    def change(self, key: EvseKey, **changes: Any) -> None:
        self.evses[key] = structs.replace(self.evses[key], **changes)

    def snapshot(self) -> Snapshot:
        when = self.at if self.metered_at is None else self.metered_at
        grid = CircuitState(
            circuit_id="grid",
            limits=self.limits,
            signals=self.signals,
            temperatures=self.temperatures,
            metered_a=self.metered,
            metered_at=None if self.metered is None else when,
            metered_w=self.metered_w,
        )
        return Snapshot(
            site=self.site,
            circuits={"grid": grid},
            evses=dict(self.evses),
            at=self.at,
            epoch_s=EPOCH_S + self.at + self.epoch_jump_s,
            mode=self.mode,
        )

    def tick(self, seconds: float = 1.0, refresh: bool = True) -> Decision:
        """Let time pass; with `refresh`, samples and leases of those who are online stay fresh."""
        self.at += seconds
        if refresh:
            for key, state in self.evses.items():
                if state.online and state.measured_a is not None:
                    self.change(key, measured_at=self.at)
                if state.online and state.lease_until is not None:
                    self.change(key, lease_until=self.at + 200)
        return self.decide(self.snapshot())

    def decide(self, snapshot: Snapshot) -> Decision:
        """One step with what is in `snapshot`."""
        recording.note(snapshot)
        self.state, decision = step(self.state, snapshot, self.settings)
        return decision


def codes(decision: Decision, key: EvseKey) -> set[str]:
    return {reason.code for reason in decision.grants[key].reasons}


def limit(decision: Decision, key: EvseKey) -> float:
    return decision.grants[key].limit_a
