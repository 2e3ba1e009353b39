"""What protects a circuit or an EVSE besides its rating: limits in pieces, grid signals, heat, demand.

Plain configuration; what follows from it is decided in `control` (docs/control.md, "Limits").
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

SiteMode: TypeAlias = Literal["normal", "safe", "stopped"]
"""`safe`: nobody gets more than what he draws unattended. `stopped`: nobody gets anything, until a person
releases the emergency stop."""


class LimitPiece(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a schedule: the limit from `valid_from` until before `valid_until`, epoch seconds."""

    valid_from: float
    valid_until: float
    limit_a: float | None = None
    limit_w: float | None = None


class SignalSource(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who limits a circuit from afar and says again and again that he is there.

    `source` is the name under which its limits come. When `lost_s` pass without a heartbeat,
    `failsafe_a` (per phase) and `failsafe_w` (all phases) hold. They are left on a heartbeat and a new limit.
    A heartbeat without a new limit for `resume_s` is answered by `resume`: `stay` keeps the fail-safe,
    `release` limits nothing until a limit comes (as use case LPC of EEBUS has it), `last` takes the limit up
    again that held before.
    """

    source: str
    failsafe_a: float | None = None
    failsafe_w: float | None = None
    heartbeat_s: float = 60.0
    lost_s: float = 120.0
    resume: Literal["stay", "release", "last"] = "stay"
    resume_s: float = 120.0


class TemperatureSensor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sensor at an EVSE, a cable or a cabinet, and what may flow at which temperature.

    `points` are (degrees C, share of the rating) with rising temperatures; in between it is linear, below the
    first its share holds, above the last one its share. `fallback_share` holds while nothing newer than
    `stale_s` is known. A lower share holds at once, a higher one after `recover_s` without a lower one.
    """

    sensor_id: str
    points: tuple[tuple[float, float], ...]
    fallback_share: float = 0.5
    stale_s: float = 10.0
    recover_s: float = 60.0


class HotSpotModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A transformer by its hot spot: what may flow so that its winding stays below `hot_spot_c` for the next
    `horizon_s` (IEC 60076-7, annex on the differential equations; the defaults are its constants of
    distribution transformers, oil and air by nature).

    `rated_a` is the rated current per phase on this circuit's side. `ambient_sensor` names the sensor of the
    air outside; while it is silent, or without one, `ambient_c` counts. `most_share` is the highest load over
    the rating that the standard allows for a time.
    """

    rated_a: float
    loss_ratio: float = 8.0
    ambient_c: float = 40.0
    ambient_sensor: str = ""
    hot_spot_c: float = 120.0
    top_oil_c: float = 105.0
    most_share: float = 1.5
    horizon_s: float = 1800.0
    oil_rise_k: float = 55.0
    gradient_k: float = 23.0
    oil_s: float = 10_800.0
    winding_s: float = 240.0
    x: float = 0.8
    y: float = 1.6
    k11: float = 1.0
    k21: float = 1.0
    k22: float = 2.0


class DemandWindow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mean power that a circuit shall not exceed over any window of `window_s`, which begin at whole
    multiples of it (UTC)."""

    limit_w: float
    window_s: float = 900.0
