"""A walk along the site's tree: what can be judged from how it is built, and from what its meters have told.

The offline sum is the safety case: when nobody controls anything any more, every EVSE draws at most its safe
current, and that and the worst base must fit through every circuit on every phase.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..control.base import meter_state
from ..model.live import UnattendedSum
from ..model.phases import ZERO, PerPhase, add, to_parent
from ..model.proving import Finding
from ..model.site import Circuit, Evse, Site
from .wiring import Wiring

WEEK_H = 7 * 24.0


def tree(site: Site, metered_at: Mapping[str, float], at: float) -> tuple[Finding, ...]:
    """Ratings and meters: every circuit with a meter has a fresh reading, the grid connection knows its base,
    and no EVSE is larger than what it hangs on.
    """
    found = []
    for circuit in site.circuits:
        name = f"circuit {circuit.circuit_id}"
        if circuit.meter is not None:
            read_at = metered_at.get(circuit.circuit_id)
            fresh = read_at is not None and meter_state(at - read_at, circuit.meter.interval_s) == "fresh"
            words = "never read" if read_at is None else f"read {at - read_at:.0f} s ago"
            found.append(Finding(name=name, passed=fresh, evidence=f"{circuit.rating_a:g} A; meter {words}"))
        elif circuit.parent_id is None:
            known = circuit.reserve_a > 0
            words = f"{circuit.rating_a:g} A; no meter, reserve of {circuit.reserve_a:g} A"
            found.append(Finding(name=name, passed=known, evidence=words))
        else:
            found.append(Finding(name=name, passed=True, evidence=f"{circuit.rating_a:g} A; no meter"))
    wiring = Wiring(site)
    for evse in site.evses:
        least = min(wiring.ancestors(evse.circuit_id), key=lambda circuit: circuit.rating_a)
        fits = evse.max_a <= least.rating_a
        words = f"{evse.max_a:g} A on phases {_people(evse.phases)}; least above it {least.rating_a:g} A"
        found.append(Finding(name=_named(evse), passed=fits, evidence=f"{words} ({least.circuit_id})"))
    return tuple(found)


def load(hours: float, highest_w: float | None, site: Site) -> tuple[Finding, ...]:
    """A week of what else the connection carries."""
    if highest_w is None or hours < 1.0:
        return (Finding(name="load", passed=None, evidence=f"{hours:.1f} h of readings: too few"),)
    most_a = highest_w / (3.0 * site.voltage_v)
    words = f"{hours:.0f} h of readings, highest mean of three phases {most_a:.1f} A"
    return (Finding(name="load", passed=True if hours >= WEEK_H else None, evidence=words),)


def offline_sum(site: Site, worst_a: Mapping[str, PerPhase]) -> tuple[Finding, ...]:
    """Per circuit and phase: the safe currents and the worst base within the limit; where not, whose safe
    current has to be 0. `worst_a` is the highest base that was seen; the configured reserve counts as well.
    """
    wiring = Wiring(site)
    sums = safe_sums(site, wiring)
    found = []
    for circuit in site.circuits:
        limit_a, base = _limit_a(circuit), _worst_base_a(circuit, worst_a)
        total = add(sums[circuit.circuit_id], base)
        fits = max(total) <= limit_a + 1e-9
        safe = _amperes(sums[circuit.circuit_id])
        words = f"safe {safe} + worst base {_amperes(base)} of {limit_a:g} A a phase"
        if not fits:
            give_up = proposal(site, wiring, circuit, max(total) - limit_a)
            words += "; set safe_a = 0 at " + (
                ", ".join(map(_named, give_up)) or "nobody: base alone is too much"
            )
        found.append(Finding(name=f"circuit {circuit.circuit_id}", passed=fits, evidence=words))
    return tuple(found)


def offline_excess(
    site: Site, wiring: Wiring, worst_a: Mapping[str, PerPhase]
) -> Iterator[tuple[str, int, float, float, float]]:
    """Where that does not fit: circuit, its worst phase, safe currents and worst base there, the limit."""
    for one in unattended(site, wiring, worst_a):
        total = add(one.safe_a, one.base_a)
        phase = total.index(max(total))
        if total[phase] > one.limit_a + 1e-9:
            yield one.circuit_id, phase, one.safe_a[phase], one.base_a[phase], one.limit_a


def unattended(site: Site, wiring: Wiring, worst_a: Mapping[str, PerPhase]) -> Iterator[UnattendedSum]:
    """What every circuit carries at most when nobody controls."""
    sums = safe_sums(site, wiring)
    for circuit in site.circuits:
        yield UnattendedSum(
            circuit_id=circuit.circuit_id,
            safe_a=sums[circuit.circuit_id],
            base_a=_worst_base_a(circuit, worst_a),
            limit_a=_limit_a(circuit),
        )


def _limit_a(circuit: Circuit) -> float:
    return min([circuit.rating_a, *(limit.limit_a for limit in circuit.limits)])


def _worst_base_a(circuit: Circuit, worst_a: Mapping[str, PerPhase]) -> PerPhase:
    one, two, three = worst_a.get(circuit.circuit_id, ZERO)
    return max(circuit.reserve_a, one), max(circuit.reserve_a, two), max(circuit.reserve_a, three)


def safe_sums(site: Site, wiring: Wiring) -> dict[str, PerPhase]:
    """What all EVSEs below each circuit draw when nobody talks to them, on that circuit's phases."""
    sums: dict[str, PerPhase] = {circuit.circuit_id: ZERO for circuit in site.circuits}
    for evse in site.evses:
        one, two, three = (evse.safe_a if phase in evse.phases else 0.0 for phase in range(3))
        value = (one, two, three)
        for circuit in wiring.ancestors(evse.circuit_id):
            sums[circuit.circuit_id] = add(sums[circuit.circuit_id], value)
            value = to_parent(value, circuit.rotation)
    return sums


def proposal(site: Site, wiring: Wiring, circuit: Circuit, excess_a: float) -> list[Evse]:
    """Which EVSEs below the circuit should have no safe current so that it fits: the lowest class first, the
    largest first within it.
    """
    below = [
        evse
        for evse in site.evses
        if evse.safe_a > 0
        and any(above.circuit_id == circuit.circuit_id for above in wiring.ancestors(evse.circuit_id))
    ]
    given: list[Evse] = []
    for evse in sorted(below, key=lambda one: (one.priority, -one.safe_a)):
        if excess_a <= 1e-9:
            break
        given.append(evse)
        # An EVSE on another phase than the fullest frees nothing there; counting it is on the careful side
        # only for who loads all three, so single-phase ones count a third.
        excess_a -= evse.safe_a if len(evse.phases) == 3 else evse.safe_a / 3.0
    return given


def judge_pulse(expected_a: PerPhase, seen_a: PerPhase) -> bool:
    """Whether a fall in the circuit's meter is on the phases where the EVSE's fall is expected: half of it at
    least there, and less than half of the largest elsewhere.
    """
    largest = max(expected_a)
    return all(
        seen >= expected / 2 if expected >= 1.0 else seen < largest / 2
        for expected, seen in zip(expected_a, seen_a, strict=True)
    )


def _named(evse: Evse) -> str:
    return f"EVSE {evse.station_id}/{evse.evse_id}"


def _people(phases: tuple[int, ...]) -> str:
    return ", ".join(f"L{phase + 1}" for phase in phases)


def _amperes(value: PerPhase) -> str:
    return "/".join(f"{amperes:.1f}" for amperes in value)
