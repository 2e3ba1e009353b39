"""Sites and feeders put together for tests: what an ampere is worth, what conductors carry, a single line."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ampacity.simulation.electrical.feeder import Cable, Consumer, Feeder, FeederTransformer, Source
from ampacity.simulation.electrical.phasors import (
    ROWS,
    Clock,
    Complex,
    Connection,
    Kind,
    line_currents,
    voltages,
)
from ampacity.simulation.electrical.transformer import eu_distribution


def slot_voltage_v(kind: Kind, connection: Connection, line_to_neutral_v: float) -> float:
    """What one slot's ampere is worth in watts: its voltage, RMS.

    120 V to neutral gives 120 V on `L1-N`, 208 V on `L1-L2` of a wye or delta, 240 V on `L1-L2` of split
    phase. Three phases: each own line carries its ampere at the voltage to neutral, so the power is the sum
    of the three.
    """
    if connection.count("-") == 2:
        return line_to_neutral_v
    of = dict(zip(ROWS, voltages(kind), strict=True))
    out, back = connection.split("-")
    return float(abs(of[out] - of[back])) * line_to_neutral_v


def circuit_coefficients(kind: Kind, connections: Sequence[Connection]) -> Complex:
    """`line_currents` of several EVSEs behind one another, shape [4, EVSEs, 3]."""
    if not connections:
        return np.zeros((4, 0, 3), dtype=np.complex128)
    return np.stack([line_currents(kind, connection) for connection in connections], axis=1)


def conductor_currents_a(
    coefficients: Complex, amperes: NDArray[np.float64], base_a: Complex | None = None
) -> NDArray[np.float64]:
    """Magnitudes on each row: coefficients [rows, EVSEs, 3], amperes [..., EVSEs, 3], base [..., rows]
    complex; the result has shape [..., rows]."""
    phasors = np.einsum("rec,...ec->...r", coefficients, amperes)
    if base_a is not None:
        phasors = phasors + base_a
    magnitudes: NDArray[np.float64] = np.abs(phasors)
    return magnitudes


def base_phasors(kind: Kind, base_a: NDArray[np.float64]) -> Complex:
    """Phasors [..., 4] of a building's load given as amperes a line to neutral [..., 3] at unity power
    factor.

    The neutral carries the return, minus their sum, except on delta where there is none.
    """
    lines = np.asarray(base_a, dtype=np.float64) * voltages(kind)[:3]
    neutral = np.zeros_like(lines[..., :1]) if kind == "delta" else -lines.sum(axis=-1, keepdims=True)
    return np.concatenate([lines, neutral], axis=-1)


def delta_wye_primary_voltages(
    turns_ratio: float, secondary_line_to_neutral_v: float, clock: Clock = 1
) -> Complex:
    """Line-to-centre phasors [3] on the primary of an ideal delta-wye transformer, in the secondary's
    frame."""
    magnitude = secondary_line_to_neutral_v * turns_ratio / math.sqrt(3.0)
    turn = cmath.exp(1j * math.pi / 6 * (1 if clock == 1 else -1))
    return voltages("wye")[:3] * magnitude * turn


#: Aluminium, four cores of 50 mm2: a weak old feeder.
NAYY_4X50: Final = Cable(r1_ohm_km=0.641, x1_ohm_km=0.085, r0_ohm_km=2.564, x0_ohm_km=0.340, rated_a=142.0)


def radial_feeder(
    buses: int = 8,
    *,
    spacing_m: float = 60.0,
    cable: Cable = NAYY_4X50,
    rated_kva: float = 160.0,
    short_circuit_va: float = 60e6,
    voltage_pu: float = 1.0,
) -> Feeder:
    """A single line of `buses` behind a European transformer: with the defaults the weak feeder with a school
    at its end (480 m of thin cable), one consumer a bus on phases in turn. Impedance voltage 4 %, a usual
    value."""
    if buses < 2:
        raise ValueError(f"{buses} buses: at least a busbar and one more are needed")
    transformer = eu_distribution(rated_kva)
    return Feeder(
        name="Radial feeder",
        source=Source(voltage_pu=voltage_pu, short_circuit_va=short_circuit_va),
        transformer=FeederTransformer(
            rated_va=transformer.rated_va,
            primary_v=20e3,
            secondary_v=400.0,
            short_circuit_pu=0.04,
            load_loss_w=transformer.load_loss_w,
            no_load_loss_w=transformer.no_load_loss_w,
        ),
        buses=("busbar", *(str(number) for number in range(1, buses))),
        lines=tuple(cable.line(number - 1, number, spacing_m) for number in range(1, buses)),
        consumers=tuple(Consumer(bus=number, phase=(number - 1) % 3) for number in range(1, buses)),
    )
