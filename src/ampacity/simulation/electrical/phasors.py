"""Which conductors an EVSE's amperes load, as complex numbers.

Currents that flow between different pairs of conductors have different phase angles, so on a shared conductor
they add as phasors and not as numbers: two equal cars between L1-L2 and L3-L1 of a 208 V site load L1 with
1.73 times the current of one, not twice. The other way round, three cars of one ampere on L1, L2 and L3 load
the neutral with nothing.

Everything here is linear. A circuit has four rows, the conductors L1, L2, L3 and N, and an EVSE has three
columns, its own lines; `line_currents` gives the coefficients, so that

    |sum over EVSEs of coefficient * ampere + base| <= limit

is the check of one conductor. The reference angle is that of the circuit's own L1 to neutral. Assumption:
cars take their current at unity power factor (SAE J2894/1 asks on-board chargers for at least 0.95); a
displacement that all share turns all phasors alike and changes no magnitude.

Sources: C. L. Fortescue, "Method of symmetrical co-ordinates" (AIEE 1918) for the operators; W. H. Kersting,
"Distribution System Modeling and Analysis", chapter on transformers, for the delta-wye currents; IEC 60076-1
for the clock numbers; IEEE C57.12.00: low voltage lags high voltage by 30 degrees (Dyn1); Z. J. Lee et al.,
"ACN-Sim" (2021) for the workplace whose EVSEs stand between the lines of a 208 V secondary.
"""

from __future__ import annotations

import cmath
import math
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Kind: TypeAlias = Literal["wye", "split", "delta"]
"""`wye`: L1, L2, L3 at 120 degrees and N (230/400 V, 120/208 V, 277/480 V). `split`: L1 and L2 in opposition
and N (120/240 V). `delta`: three lines without a neutral (208, 240 or 480 V)."""

Connection: TypeAlias = str
"""The conductors that the EVSE's terminals are wired to, in its own order: `L2-N` (one phase), `L1-L2`
(between lines), `L2-L3-L1` (three phases, rotated)."""

Complex: TypeAlias = NDArray[np.complex128]

ROWS: Final = ("L1", "L2", "L3", "N")

A: Final = cmath.exp(2j * math.pi / 3)
"""Fortescue's operator, a turn of 120 degrees forward."""

_VOLTAGES: Final[dict[str, tuple[complex, ...]]] = {
    "wye": (1.0 + 0j, A.conjugate(), A, 0j),
    "split": (1.0 + 0j, -1.0 + 0j, 0j, 0j),
    "delta": (1.0 + 0j, A.conjugate(), A, 0j),
}
_CONDUCTORS: Final[dict[str, tuple[str, ...]]] = {
    "wye": ROWS,
    "split": ("L1", "L2", "N"),
    "delta": ("L1", "L2", "L3"),
}


class ConnectionRefused(ValueError):
    """A connection that a site of this kind can't have."""

    def __init__(self, kind: str, connection: str, remedy: str) -> None:
        super().__init__(f"connection {connection!r} isn't possible on a {kind!r} site: {remedy}")
        self.kind = kind
        self.connection = connection


def _conductors(kind: Kind, connection: Connection) -> list[int]:
    if kind not in _VOLTAGES:
        raise ConnectionRefused(kind, connection, f"kinds are {', '.join(_VOLTAGES)}")
    names = connection.split("-")
    known = _CONDUCTORS[kind]
    if not 2 <= len(names) <= 3 or len(set(names)) != len(names) or not set(names) <= set(known):
        raise ConnectionRefused(kind, connection, f"name two or three different ones of {', '.join(known)}")
    if len(names) == 3 and (kind == "split" or "N" in names):
        raise ConnectionRefused(kind, connection, "three terminals need L1, L2 and L3")
    if names[0] == "N":
        raise ConnectionRefused(kind, connection, "the neutral comes last")
    return [ROWS.index(name) for name in names]


def voltages(kind: Kind, line_to_neutral_v: float = 1.0) -> Complex:
    """Phasors of L1, L2, L3 and N against neutral (delta: against its centre), shape [4]."""
    return np.array(_VOLTAGES[kind], dtype=np.complex128) * line_to_neutral_v


def slots(connection: Connection) -> int:
    """How many own lines of an EVSE carry a current of their own: 3 on three phases, otherwise 1."""
    return 3 if connection.count("-") == 2 else 1


def line_currents(kind: Kind, connection: Connection) -> Complex:
    """Coefficients [4 conductors, 3 own lines] of one ampere (RMS) on each of an EVSE's own lines.

    One phase to neutral or between two lines: the current is in slot 0, the other columns are zero. Three
    phases on a wye site: every own line returns through N, so a car that takes one or two phases only is
    right as well. Three phases on a delta site have no return: the three amperes must be equal (then N is
    nothing anyway). Raises ConnectionRefused.
    """
    wired = _conductors(kind, connection)
    of = _VOLTAGES[kind]
    coefficients = np.zeros((4, 3), dtype=np.complex128)
    if len(wired) == 2:
        out, back = wired
        across = of[out] - of[back]
        direction = across / abs(across)
        coefficients[out, 0] += direction
        coefficients[back, 0] -= direction
        return coefficients
    for slot, conductor in enumerate(wired):
        coefficients[conductor, slot] = of[conductor]
        if kind == "wye":
            coefficients[3, slot] = -of[conductor]
    return coefficients


Clock: TypeAlias = Literal[1, 11]
"""IEC 60076-1: hours by which the low voltage lags the high voltage, 30 degrees each."""


def delta_wye_primary(secondary: Complex, turns_ratio: float, clock: Clock = 1) -> Complex:
    """Primary line coefficients [3, ...] of a delta-wye transformer from its secondary's rows [4, ...] or [3,
    ...].

    `turns_ratio` is rated primary line-to-line over secondary line-to-neutral voltage: 480 / 120 = 4 for a
    480 V delta to 208Y/120 V. Ampere-turns balance on each limb, I_winding = I_secondary / ratio, and a
    primary line feeds two windings. `clock` 1 (North America) or 11 (Europe) says which two; magnitudes at
    balance are the same. Angles stay those of the secondary's L1 reference. What flows in the neutral
    circulates in the delta: the three rows always add up to nothing. The magnetising current is neglected.
    """
    if not turns_ratio > 0.0:
        raise ValueError(
            f"turns ratio {turns_ratio!r} must be above 0: primary line-to-line over secondary phase volts"
        )
    windings = secondary[:3] / turns_ratio
    # Dyn1: winding a lies between primary A and C, so line A feeds winding a and takes back winding b's.
    return windings - np.roll(windings, -1 if clock == 1 else 1, axis=0)


def centre_tap_primary(secondary: Complex, turns_ratio: float) -> Complex:
    """Primary coefficient [1, ...] of a split-phase (120/240 V) transformer from its secondary's rows [4,
    ...].

    `turns_ratio` is the primary voltage over that of *half* the secondary: 7,200 / 120 = 60. The halves'
    ampere-turns add, so an ampere between L1 and L2 weighs twice one to neutral.
    """
    if not turns_ratio > 0.0:
        raise ValueError(
            f"turns ratio {turns_ratio!r} must be above 0: primary over half of the secondary volts"
        )
    return (secondary[:1] - secondary[1:2]) / turns_ratio
