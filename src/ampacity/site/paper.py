"""What a person should know of a site's form before it is used: what will not pass the assessment, and why.

A form that can't be built is an error (`form`); these are remarks on one that can. Each names the thing, the
numbers and what would be right, as a text and as `figures` for who says it in another language.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..model.live import SitePoint, UnattendedSum
from ..model.phases import PerPhase
from ..model.site import Circuit, Evse, Site
from . import walk
from .wiring import Wiring

NAMED = 4
"""So many EVSEs are named, and it is enough."""


def points(site: Site, worst_a: Mapping[str, PerPhase]) -> tuple[SitePoint, ...]:
    """All remarks, by circuit and EVSE. `worst_a` is the highest base load that was seen, by circuit."""
    wiring = Wiring(site)
    found = [*_tree(site), *_evses(site, wiring)]
    for circuit_id, phase, safe_a, base_a, limit_a in walk.offline_excess(site, wiring, worst_a):
        circuit = next(c for c in site.circuits if c.circuit_id == circuit_id)
        give_up = walk.proposal(site, wiring, circuit, safe_a + base_a - limit_a)
        found.append(_offline(circuit, phase, safe_a, base_a, limit_a, give_up))
    return tuple(found)


def sums(site: Site, worst_a: Mapping[str, PerPhase]) -> tuple[UnattendedSum, ...]:
    """What every circuit carries at most when nobody controls."""
    return tuple(walk.unattended(site, Wiring(site), worst_a))


def back_to_start(loosened: tuple[str, ...]) -> SitePoint:
    """The site has been assessed as something else."""
    what = ", ".join(loosened[:NAMED]) + (" and more" if len(loosened) > NAMED else "")
    return SitePoint(
        kind="back_to_start",
        weight="hint",
        figures={"what": what},
        text=f"the site goes back to 80 % of its headroom until it is assessed again: {what}",
    )


def _tree(site: Site) -> list[SitePoint]:
    found = []
    root = site.root
    if root.meter is None and root.reserve_a <= 0:
        found.append(
            SitePoint(
                kind="no_base",
                circuit_id=root.circuit_id,
                figures={"circuit": root.name},
                text=f"nobody knows what else {root.name} carries: give it a meter or a reserve_a",
            )
        )
    by_id = {circuit.circuit_id: circuit for circuit in site.circuits}
    for circuit in site.circuits:
        above = None if circuit.parent_id is None else by_id[circuit.parent_id]
        if above is not None and circuit.rating_a > above.rating_a:
            found.append(
                SitePoint(
                    kind="larger_than_parent",
                    weight="hint",
                    circuit_id=circuit.circuit_id,
                    figures={
                        "circuit": circuit.name,
                        "rating_a": circuit.rating_a,
                        "parent": above.name,
                        "parent_a": above.rating_a,
                    },
                    text=f"{circuit.name} has {circuit.rating_a:g} A, {above.name} above it "
                    f"{above.rating_a:g} A: is that right?",
                )
            )
    if not site.evses:
        found.append(SitePoint(kind="no_evses", weight="hint", text="there is no EVSE yet"))
    return found


def _evses(site: Site, wiring: Wiring) -> list[SitePoint]:
    found = []
    for evse in site.evses:
        least = min(wiring.ancestors(evse.circuit_id), key=lambda circuit: circuit.rating_a)
        if evse.max_a > least.rating_a:
            found.append(
                SitePoint(
                    kind="evse_too_large",
                    circuit_id=least.circuit_id,
                    station_id=evse.station_id,
                    evse_id=evse.evse_id,
                    figures={
                        "evse": _named(evse),
                        "max_a": evse.max_a,
                        "circuit": least.name,
                        "rating_a": least.rating_a,
                    },
                    text=f"EVSE {_named(evse)} may draw {evse.max_a:g} A, {least.name} carries "
                    f"{least.rating_a:g} A: lower its max_a",
                )
            )
    return found


def _offline(
    circuit: Circuit, phase: int, safe_a: float, base_a: float, limit_a: float, give_up: list[Evse]
) -> SitePoint:
    total_a = safe_a + base_a
    whom = ", ".join(map(_named, give_up[:NAMED])) + (" and more" if len(give_up) > NAMED else "")
    remedy = f"lower safe_a of {whom}" if give_up else "the base alone is too much: check rating and reserve"
    return SitePoint(
        kind="offline_sum" if give_up else "base_too_large",
        circuit_id=circuit.circuit_id,
        figures={
            "circuit": circuit.name,
            "phase": f"L{phase + 1}",
            "total_a": round(total_a, 1),
            "safe_a": round(safe_a, 1),
            "base_a": round(base_a, 1),
            "limit_a": round(limit_a, 1),
            "evses": whom,
        },
        text=f"{circuit.name} L{phase + 1}: safe currents {safe_a:.1f} A + worst base {base_a:.1f} A = "
        f"{total_a:.1f} A > {limit_a:g} A when nobody controls: {remedy}",
    )


def _named(evse: Evse) -> str:
    return f"{evse.station_id}/{evse.evse_id}"
