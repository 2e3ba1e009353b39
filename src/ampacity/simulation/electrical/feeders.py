"""Feeders: two published benchmarks, described by us from their published parameters, and a usual cable.

- The European low-voltage benchmark of CIGRE (task force C6.04.02, technical brochure 575, 2014): a
  residential, an industrial and a commercial network behind transformers of 500, 150 and 300 kVA at 20/0.4
  kV. Lengths, positive- sequence impedances, transformers and loads are the brochure's, as the BSD-licensed
  pandapower lists them; there the loads are three-phase and equal. Zero-sequence impedances are an
  assumption: 4 times the positive sequence, which is a return through a fourth conductor of the same section
  (resistance exactly, reactance as DIN VDE 0102 supplement 2 has it for such cables). Balanced results don't
  depend on it.
- The European low-voltage test feeder of the IEEE PES (2015): 906 buses at 416 V behind 800 kVA, 55
  single-phase consumers at power factor 0.95 and constant power, source 11 kV at 1.05. Source short-circuit
  current 3 kA with X/R 4. No current ratings are published.
"""

from __future__ import annotations

from importlib import resources
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .feeder import Cable, Consumer, Feeder, FeederTransformer, Line, Source, reached

#: Line codes of the IEEE feeder, ohms per kilometre.
_EUROPEAN_CODES: Final[dict[str, Cable]] = {
    name: Cable(r1_ohm_km=r1, x1_ohm_km=x1, r0_ohm_km=r0, x0_ohm_km=x0)
    for name, r1, x1, r0, x0 in (
        ("2c_.007", 3.97, 0.099, 3.97, 0.099),
        ("2c_.0225", 1.257, 0.085, 1.257, 0.085),
        ("2c_16", 1.15, 0.088, 1.2, 0.088),
        ("35_SAC_XSC", 0.868, 0.092, 0.76, 0.092),
        ("4c_.06", 0.469, 0.075, 1.581, 0.091),
        ("4c_.1", 0.274, 0.073, 0.959, 0.079),
        ("4c_.35", 0.089, 0.0675, 0.319, 0.076),
        ("4c_185", 0.166, 0.068, 0.58, 0.078),
        ("4c_70", 0.446, 0.071, 1.505, 0.083),
        ("4c_95_SAC_XC", 0.322, 0.074, 0.804, 0.093),
    )
}

_EUROPEAN_LOAD_BUSES: Final = (
    34, 47, 70, 73, 74, 83, 178, 208, 225, 248, 249, 264, 276, 289, 314, 320, 327, 337, 342, 349, 387, 388,
    406, 458, 502, 522, 539, 556, 562, 563, 611, 614, 619, 629, 639, 676, 682, 688, 701, 702, 755, 778, 780,
    785, 813, 817, 835, 860, 861, 886, 896, 898, 899, 900, 906,
)  # fmt: skip
_EUROPEAN_LOAD_PHASES: Final = "ABAAABBCABBCBABCCCCAAABCABCCAAACCABBBBCBBCCBBACAABAABAA"


def ieee_european_lv() -> Feeder:
    """The IEEE European low-voltage test feeder; buses are named 1..906, consumers are LOAD1..LOAD55 in
    order."""
    text = resources.files(__package__).joinpath("european_lv.csv").read_text(encoding="utf-8")
    rows = [row.split(",") for row in text.splitlines() if row and not row.startswith("#")][1:]
    lines = tuple(
        _EUROPEAN_CODES[code].line(int(origin) - 1, number, int(length_mm) / 1000.0)
        for number, (origin, length_mm, code) in enumerate(rows, start=1)
    )
    return Feeder(
        name="IEEE European LV",
        source=Source(voltage_pu=1.05, short_circuit_va=3.0**0.5 * 11e3 * 3e3, rx_ratio=0.25),
        transformer=FeederTransformer(
            rated_va=800e3,
            primary_v=11e3,
            secondary_v=416.0,
            short_circuit_pu=(0.04**2 + 0.004**2) ** 0.5,
            load_loss_w=0.004 * 800e3,
            clock=1,
        ),
        buses=tuple(str(number) for number in range(1, len(lines) + 2)),
        lines=lines,
        consumers=tuple(
            Consumer(bus=bus - 1, phase="ABC".index(phase))
            for bus, phase in zip(_EUROPEAN_LOAD_BUSES, _EUROPEAN_LOAD_PHASES, strict=True)
        ),
        nominal_v=416.0,
    )


CigrePart: TypeAlias = Literal["residential", "industrial", "commercial"]

_CIGRE_CABLES: Final[dict[str, tuple[float, float]]] = {
    "UG1": (0.162, 0.0832),
    "UG2": (0.2647, 0.0823),
    "UG3": (0.822, 0.0847),
    "OH1": (0.4917, 0.2847),
    "OH2": (1.3207, 0.321),
    "OH3": (2.0167, 0.3343),
}

#: Buses after the busbar (number 1) are named by number; lines as (from, to, metres, cable).
_CIGRE_LINES: Final[dict[CigrePart, tuple[tuple[int, int, float, str], ...]]] = {
    "residential": (
        *((k, k + 1, 35.0, "UG1") for k in range(1, 10)),
        (3, 11, 30.0, "UG3"), (4, 12, 35.0, "UG3"), (12, 13, 35.0, "UG3"), (13, 14, 35.0, "UG3"),
        (14, 15, 30.0, "UG3"), (6, 16, 30.0, "UG3"), (9, 17, 30.0, "UG3"), (10, 18, 30.0, "UG3"),
    ),
    "industrial": ((1, 2, 200.0, "UG2"),),
    "commercial": (
        *((k, k + 1, 30.0, "OH1") for k in range(1, 9)),
        (3, 10, 30.0, "OH2"), (10, 11, 30.0, "OH2"), (11, 12, 30.0, "OH3"), (11, 13, 30.0, "OH3"),
        (10, 14, 30.0, "OH3"), (5, 15, 30.0, "OH2"), (15, 16, 30.0, "OH2"), (15, 17, 30.0, "OH3"),
        (16, 18, 30.0, "OH3"), (8, 19, 30.0, "OH3"), (9, 20, 30.0, "OH3"),
    ),
}  # fmt: skip

#: Peak loads in kVA by bus, with the power factor of the part.
_CIGRE_LOADS: Final[dict[CigrePart, tuple[float, dict[int, float]]]] = {
    "residential": (0.95, {1: 200.0, 11: 15.0, 15: 52.0, 16: 55.0, 17: 35.0, 18: 47.0}),
    "industrial": (0.85, {2: 100.0}),
    "commercial": (0.90, {1: 120.0, 12: 20.0, 13: 20.0, 14: 25.0, 17: 25.0, 18: 8.0, 19: 16.0, 20: 8.0}),
}

_CIGRE_TRANSFORMERS: Final[dict[CigrePart, tuple[float, float, float]]] = {
    # kVA, resistance and reactance in ohms on the low-voltage side
    "residential": (500.0, 0.0032, 0.0128),
    "industrial": (150.0, 0.0107, 0.0427),
    "commercial": (300.0, 0.0053, 0.0213),
}


def cigre_european_lv(part: CigrePart = "residential") -> Feeder:
    """One network of the CIGRE European low-voltage benchmark; buses are named R1.., I1.., C1.. as there."""
    kva, ohms, reactance = _CIGRE_TRANSFORMERS[part]
    rated_va = kva * 1000.0
    base_ohm = 400.0**2 / rated_va
    letter = part[0].upper()
    lines = _CIGRE_LINES[part]
    cables = {
        name: Cable(r1_ohm_km=r, x1_ohm_km=x, r0_ohm_km=4.0 * r, x0_ohm_km=4.0 * x)
        for name, (r, x) in _CIGRE_CABLES.items()
    }
    return Feeder(
        name=f"CIGRE European LV, {part}",
        source=Source(voltage_pu=1.0, short_circuit_va=100e6, rx_ratio=1.0),
        transformer=FeederTransformer(
            rated_va=rated_va,
            primary_v=20e3,
            secondary_v=400.0,
            short_circuit_pu=(ohms**2 + reactance**2) ** 0.5 / base_ohm,
            load_loss_w=ohms / base_ohm * rated_va,
            clock=1,
        ),
        buses=tuple(f"{letter}{number}" for number in range(1, len(lines) + 2)),
        lines=tuple(cables[name].line(a - 1, b - 1, metres) for a, b, metres, name in lines),
        nominal_v=400.0,
    )


def cigre_peak_loads(part: CigrePart = "residential") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The benchmark's peak loads as active and reactive power [1, buses, 3], a third on each phase."""
    factor, loads = _CIGRE_LOADS[part]
    active = np.zeros((1, len(_CIGRE_LINES[part]) + 1, 3))
    for bus, kva in loads.items():
        active[0, bus - 1] = kva * 1000.0 * factor / 3.0
    return active, active * (1.0 / factor**2 - 1.0) ** 0.5


#: Aluminium, four cores of 150 mm2 (NAYY 4x150): DC resistance at 20 C of IEC 60228, the return as in CIGRE's
#: above; the rating is a usual one in the ground (DIN VDE 0276-603).
NAYY_4X150: Final = Cable(r1_ohm_km=0.206, x1_ohm_km=0.080, r0_ohm_km=0.824, x0_ohm_km=0.320, rated_a=270.0)


def reduced(feeder: Feeder, keep: tuple[str, ...] = ()) -> Feeder:
    """The same feeder without buses that only pass current on, and without branches that nobody lives on.

    Buses with consumers, buses named in `keep`, junctions and the busbar stay; lines in series are added up,
    which changes no voltage of a bus that stays (shunts are neglected). The IEEE feeder shrinks from 906
    buses to about 100.
    """
    order = reached(feeder)
    children: dict[int, list[tuple[int, Line]]] = {bus: [] for bus in order}
    parent: dict[int, int] = {}
    place = {bus: number for number, bus in enumerate(order)}
    for line in feeder.lines:
        near, far = sorted((line.from_bus, line.to_bus), key=place.__getitem__)
        children[near].append((far, line))
        parent[far] = near
    wanted = {0} | {c.bus for c in feeder.consumers} | {feeder.buses.index(name) for name in keep}
    inhabited = set(wanted)
    for bus in reversed(order[1:]):
        if bus in inhabited:
            inhabited.add(parent[bus])
    stays = [
        bus for bus in order
        if bus in wanted or (bus in inhabited and sum(far in inhabited for far, _ in children[bus]) > 1)
    ]  # fmt: skip
    number_of = {bus: number for number, bus in enumerate(stays)}
    lines: list[Line] = []
    for start in stays:
        for far, line in children[start]:
            if far not in inhabited:
                continue
            path = [line]
            while far not in number_of:
                far, line = next((f, x) for f, x in children[far] if f in inhabited)
                path.append(line)
            lines.append(
                Line(
                    from_bus=number_of[start],
                    to_bus=number_of[far],
                    r1_ohm=sum(piece.r1_ohm for piece in path),
                    x1_ohm=sum(piece.x1_ohm for piece in path),
                    r0_ohm=sum(piece.r0_ohm for piece in path),
                    x0_ohm=sum(piece.x0_ohm for piece in path),
                    rated_a=min(piece.rated_a for piece in path),
                )
            )
    return Feeder(
        name=f"{feeder.name}, reduced",
        source=feeder.source,
        transformer=feeder.transformer,
        buses=tuple(feeder.buses[bus] for bus in stays),
        lines=tuple(lines),
        consumers=tuple(Consumer(bus=number_of[c.bus], phase=c.phase) for c in feeder.consumers),
        nominal_v=feeder.nominal_v,
        frequency_hz=feeder.frequency_hz,
    )
