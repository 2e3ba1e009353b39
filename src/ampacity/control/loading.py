"""How much an ampere of an EVSE takes of every row that carries it.

**Conductors.** A load to neutral, or a three-phase one, takes 1 of its phase. A load between two lines (208 V
in a wye or delta) flows in both of them, but turned: on a line, the current towards the next one leads the
line's own voltage by 30 degrees, the one from the previous lags by 30. Such currents add as phasors,

    |I| = |x e^(j30) + y e^(-j30) + z|,     x, y, z >= 0 in a sector of 60 degrees,

and the circle |I| <= limit is cut into two chords, with corners at -30, 0 and 30 degrees where the bound is
exact: x + (sqrt 3 - 1) y + z <= limit, and the same with x and y exchanged (rows `phase` and `line`). The two
chords lie inside the circle, so the sum never underestimates; between the corners they cost at most
1 / cos 15 degrees, 3.5 % of the limit. Arithmetic sums would cost 15 %. Because no two angles of the sector
are more than 60 degrees apart, a car that takes less than it may never makes the sum larger.

The base may have any angle: its part in a row is at most `BASE_SHARE` = 1 / cos 15 degrees of what the meter
reads. Assumed: cars at unity power factor (SAE J2894/1 asks for 0.95 at least).

On split phase (120/240 V) both legs' currents are in line and add as numbers.

**Neutral and unbalance.** What returns in a neutral is |I1 + I2 a^2 + I3 a|, and for any I1, I2, I3 that is
at most max - min: taking the same from all three changes nothing, and of what is left two stand at 120
degrees, sqrt(x^2 + y^2 - xy) <= max(x, y). A grant is an upper bound and its car may stop at any moment, so
nothing on another phase may be counted against it, and the worst case *is* the largest phase: a row for each
phase with the loads that are not known to be balanced is exact for the neutral, and for the unbalance between
the phases. A three-phase EVSE counts there until its car is known to take all three. On split phase the
neutral carries the difference of the legs: the same rows. Harmonics add in the neutral: where cars have many,
`neutral_a` must be set lower (assumed: none).

**Power.** Watts divided by the voltage to neutral: 1 for each phase to neutral, sqrt 3 between two lines, 2
between the legs of split phase. Voltages are the site's nominal ones.

**A station that is told watts.** A car on one phase takes all of them there: W / V, three times the amperes
that were meant for each of three phases. It counts so until its phases are known, and then as it is.

**Cabinets.** What reaches the car (`DC_TOLD_SHARE` of the supply's watts) in modules.

Sources: C. L. Fortescue (AIEE 1918) for the operators; W. H. Kersting, "Distribution System Modeling and
Analysis", for line currents of delta loads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from ampacity.model.devices import Device
from ampacity.model.phases import PerPhase
from ampacity.model.site import DC_TOLD_SHARE, Evse, Site

from .topology import Entries, Row, RowKind, Topology, is_pair

SIDE: Final = math.sqrt(3) - 1
"""What a load between two lines takes of the chord on the far side."""

BASE_SHARE: Final = 1 / math.cos(math.pi / 12)
"""The most that a current of any angle takes of a chord."""


def volts(site: Site, evse: Evse) -> float:
    """Watts of the supply for each ampere of the EVSE: its voltages, added over its phases."""
    return site.voltage_v * power_share(site, evse, len(evse.phases))


def power_share(site: Site, evse: Evse, phases: int) -> float:
    """Voltages to neutral that an ampere on so many of the EVSE's phases is worth."""
    if len(evse.phases) == 2 and site.supply == "split":
        return 2.0
    if len(evse.phases) == 2 and (evse.line_to_line or site.supply == "delta"):
        return math.sqrt(3)
    return float(phases)


def entries_of(
    tree: Topology,
    i: int,
    phases: tuple[int, ...] | None = None,
    *,
    in_watts: bool = False,
    power_limited: frozenset[int] | None = None,
) -> Entries:
    """All rows that EVSE number `i` loads, and by how much.

    `phases`: those of its circuit that its car is known to load; None: not known, any of the EVSE's.
    `in_watts`: its station is told watts though it is an AC one. `power_limited`: the circuits (by number)
    whose power is limited now; None for those that the site itself names.
    """
    limited = tree.power_limited if power_limited is None else power_limited
    key = (i, phases, in_watts, limited)
    entries = tree.kept.get(key)
    if entries is None:
        if len(tree.kept) > 8 * len(tree.evses) + 64:  # whose power is limited changes now and then
            tree.kept.clear()
        sums: dict[int, float] = {}
        for row, coefficient in _entries(tree, i, phases, in_watts, limited):
            sums[row] = sums.get(row, 0.0) + coefficient
        entries = tree.kept[key] = Entries(tuple(sums), tuple(sums.values()))
    return entries


def draw_on_rows(tree: Topology, i: int, current_a: PerPhase) -> Iterator[tuple[int, float]]:
    """What a measured current adds to the rows that it flows through: conductors and power."""
    if i not in tree.pairs:
        yield from path_rows(tree, tree.circuit_of[i], current_a)
        return
    evse = tree.evses[i]
    # One current in two conductors; a station may report it on one only.
    amperes = max(current_a[p] for p in evse.phases)
    if amperes:
        for row, coefficient in _conductors(tree, tree.circuit_of[i], evse.phases, (1.0, 1.0), pair=True):
            yield row, coefficient * amperes
        worth = power_share(tree.site, evse, 2)
        for row in tree.power_above[tree.circuit_of[i]]:
            yield row, worth * amperes


def path_rows(tree: Topology, k: int, current_a: PerPhase) -> Iterator[tuple[int, float]]:
    """What currents to neutral on the phases of circuit `k` add to the rows that they flow through."""
    for path, amperes in zip(tree.paths[k], current_a, strict=True):
        if amperes:
            for row in path:
                yield row, amperes
    total_a = sum(current_a)
    if total_a:
        for row in tree.power_above[k]:
            yield row, total_a


class DeviceEntry(NamedTuple):
    """What an ampere of a device does to one row.

    An ampere that it draws takes `drawn` of it, of which a reading certainly shows `certain`. An ampere that
    it feeds in hides `hidden` of the base from a reading, gives back `relief`, and takes `leads` where it
    makes the row's phase lead the others.
    """

    row: int
    drawn: float
    certain: float = 0.0
    hidden: float = 0.0
    relief: float = 0.0
    leads: float = 0.0

    def least(self, low_a: float) -> float:
        """What is in a reading for certain when it draws `low_a` at least."""
        return self.certain * low_a if low_a > 0 else self.hidden * low_a

    def most(self, low_a: float, high_a: float) -> float:
        """The most that it adds when it draws between `low_a` and `high_a`."""
        return (self.drawn if high_a > 0 else self.relief) * high_a + self.leads * max(0.0, -low_a)


def device_volts(site: Site, device: Device) -> float:
    """Watts of a device for each ampere on each of its phases."""
    if is_pair(site, device):
        return site.voltage_v * (2.0 if site.supply == "split" else math.sqrt(3))
    return site.voltage_v * len(device.phases)


def device_entries(tree: Topology, device: Device) -> tuple[DeviceEntry, ...]:
    """The rows that a device loads.

    What it feeds in does not relieve the busbar that it feeds, and of an inverter it is not certain to be
    there. Nor does it relieve circuits that carry loads between lines: with phasors that stand against each
    other the chords of a sector are no bound any more, while the currents alone are, as no two of them stand
    further apart than 60 degrees.
    """
    k, pair = tree.index[device.circuit_id], is_pair(tree.site, device)
    worth = device_volts(tree.site, device) / tree.site.voltage_v
    conductors = dict(_conductors(tree, k, device.phases, (1.0,) * len(device.phases), pair=pair))
    found: list[DeviceEntry] = []
    for j in tree.ancestors[k]:
        feeds = j == k and k != tree.root
        seen = 1.0 if device.kind != "inverter" or feeds else 0.0
        relief = 0.0 if feeds or j in tree.between_lines else 1.0
        for number in tree.rows_in[j]:
            row = tree.rows[number]
            match row.kind:
                case "phase" | "line":
                    if (taken := conductors.get(number)) is not None:
                        found.append(DeviceEntry(number, taken, seen * taken, seen, relief))
                case "watts" | "va":
                    found.append(
                        DeviceEntry(number, worth, seen * worth, seen * worth, 0.0 if feeds else worth)
                    )
                case _ if len(device.phases) < len(tree.lines):
                    # What it draws leads on its own phases, what it feeds in on all others.
                    own = 3 * j + (row.phase or 0) in conductors
                    found.append(DeviceEntry(number, float(own), leads=float(not own)))
                case _:
                    pass
    return tuple(found)


def _entries(
    tree: Topology, i: int, known: tuple[int, ...] | None, in_watts: bool, limited: frozenset[int]
) -> Iterator[tuple[int, float]]:
    evse = tree.evses[i]
    pair = tree.is_pair(evse)
    phases = evse.phases if known is None or pair else known
    shares = (1.0,) * len(phases)
    if in_watts and not pair and evse.dc_power_w is None:
        # All on the first phase, or on the first two: nobody knows yet. Else on those that are known.
        told = len(evse.phases)
        fewest = range(1, told + 1) if known is None else [len(phases)] * len(phases)
        shares = tuple(told / number for number in fewest)
    yield from _conductors(tree, tree.circuit_of[i], phases, shares, pair=pair)
    worth = power_share(tree.site, evse, len(phases))
    if in_watts and evse.dc_power_w is None:
        worth = power_share(tree.site, evse, len(evse.phases))
    balanced = len(phases) == 3 and (known is not None or evse.dc_power_w is not None)
    for depth, k in enumerate(tree.ancestors[tree.circuit_of[i]]):
        if k in limited:
            yield tree.numbers[Row("watts", k)], worth
        if tree.circuits[k].rating_va is not None:
            yield tree.numbers[Row("va", k)], worth
        if balanced:
            continue
        kinds: list[RowKind] = []
        if tree.circuits[k].neutral_a is not None and not pair:
            kinds.append("neutral")
        if tree.circuits[k].unbalance_a is not None:
            kinds.append("unbalance")
        for kind in kinds:
            for phase, share in zip(phases, shares, strict=True):
                line = tree.paths[tree.circuit_of[i]][phase][depth] % 3
                yield tree.numbers[Row(kind, k, line)], share
    if evse.cabinet_id is not None:
        number = tree.cabinet_index[evse.cabinet_id]
        row = tree.numbers[Row("cabinet", number)]
        yield row, volts(tree.site, evse) * DC_TOLD_SHARE / tree.cabinets[number].module_w


def _conductors(
    tree: Topology, circuit: int, phases: tuple[int, ...], shares: tuple[float, ...], *, pair: bool
) -> Iterator[tuple[int, float]]:
    path = tree.paths[circuit]
    for place, (phase, share) in enumerate(zip(phases, shares, strict=True)):
        for depth, row in enumerate(path[phase]):
            k, line = divmod(row, 3)
            if k not in tree.between_lines:
                yield row, share
                continue
            towards_next = pair and path[phases[1 - place]][depth] % 3 == (line + 1) % 3
            from_previous = pair and not towards_next
            yield row, SIDE if from_previous else share
            yield tree.numbers[Row("line", k, line)], SIDE if towards_next else share
