"""What a claim can speak of, second by second. docs/cases.md lists them.

Where only what the law was told is known (`told`), flows are those of the meters, draws the last samples and
limits the acknowledged ones; what was not told is not a number, and fulfils no claim.
"""

from __future__ import annotations

import cmath
import math
from typing import Any

from msgspec import Struct

from ampacity.control.topology import Topology
from ampacity.control.types import Decision
from ampacity.model.site import Evse

from .document import name_of


class Second(Struct):
    """What was so at one second of a case. `flows` are amperes of the phase rows of `tree`; `decision` is the
    last one, of this second where `alive`; `energy_wh` flowed through each circuit since the case began."""

    at_s: float
    tree: Topology
    decision: Decision
    alive: bool
    flows: list[float]
    limits: dict[str, float]
    draws: dict[str, float]
    writes: int
    happened: tuple[str, ...] = ()
    energy_wh: dict[str, float] = {}


def value(second: Second, series: str) -> Any:
    """What a series is at that second. Raises ValueError for one that there is not."""
    kind, *names = series.split()
    decision = second.decision
    try:
        match kind:
            case "flow":
                return _amperes(second, names[0])[int(names[1]) - 1]
            case "excess":
                return max(_amperes(second, names[0])) - decision.circuits[names[0]].limit_a
            case "watts":
                return sum(_amperes(second, names[0])) * second.tree.site.voltage_v
            case "unbalance":
                amperes = _amperes(second, names[0])
                return max(amperes) - min(amperes)
            case "neutral":
                turned = enumerate(_amperes(second, names[0]))
                return abs(sum(a * cmath.rect(1, -2 * math.pi * p / 3) for p, a in turned))
            case "energy":
                return second.energy_wh[names[0]]
            case "base":
                return decision.circuits[names[0]].base_a[int(names[1]) - 1]
            case "limit":
                return second.limits[names[0]]
            case "draw":
                return second.draws[names[0]]
            case "sum":
                return sum(second.draws[name] for name in names)
            case "starts":
                return sum(second.draws[name] > 1 for name in names)
            case "grant":
                return decision.grants[_evse(second, names[0]).key].limit_a
            case "held":
                return decision.held_a[_evse(second, names[0]).key]
            case "reasons":
                return sorted({r.code for r in decision.grants[_evse(second, names[0]).key].reasons})
            case "raises" | "cuts":
                changed = decision.raises if kind == "raises" else decision.cuts
                return sorted({name_of(g.key) for g in changed}) if second.alive else []
            case "reserved":
                return sorted({name_of(key) for key in decision.reserved})
            case "source":
                return decision.circuits[names[0]].limit_source
            case "limit_of":
                return decision.circuits[names[0]].limit_a
            case "meter":
                return decision.circuits[names[0]].meter_state
            case "command":
                return decision.commands[names[0]].power_w
            case "writes":
                return second.writes
    except (KeyError, IndexError) as problem:
        raise ValueError(f"{series!r}: {problem!r} is not of this site: see docs/cases.md") from None
    raise ValueError(f"no series {series!r}: see docs/cases.md")


def _amperes(second: Second, circuit_id: str) -> list[float]:
    k = second.tree.index[circuit_id]
    return second.flows[3 * k : 3 * k + 3]


def _evse(second: Second, name: str) -> Evse:
    """Raises KeyError."""
    found = {name_of(evse.key): evse for evse in second.tree.evses}
    return found[name]
