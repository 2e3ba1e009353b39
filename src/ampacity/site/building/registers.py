"""The register map for building management; the server and the documentation are both made of it.

Input registers (function 4) tell, holding registers (function 3, 6, 16) take. Currents are in 0.1 A, signed,
-32768 (0x8000) where nothing is known; addresses are as on the wire, from 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from ...model.live import CircuitView, SiteView
from ...model.phases import PerPhase

MARK: Final = 0x414D
VERSION: Final = 1
FIRST_CIRCUIT: Final = 100
CIRCUIT_STRIDE: Final = 20
HELD_STRIDE: Final = 4
UNKNOWN: Final = 0x8000
NO_LIMIT: Final = 0xFFFF
MODES: Final = ("normal", "safe", "stopped")
METERS: Final = ("none", "fresh", "stale", "dead")


class Told(Struct, frozen=True):
    """One register of a circuit that is read: its offset in the circuit's block, name and value."""

    offset: int
    name: str
    meaning: str
    value: Callable[[CircuitView], int]


def tenths(current_a: float | None) -> int:
    """Amperes as a register."""
    if current_a is None or current_a != current_a:
        return UNKNOWN
    return max(-32_767, min(32_767, round(current_a * 10.0))) & 0xFFFF


def _phase(read: Callable[[CircuitView], PerPhase | None], phase: int) -> Callable[[CircuitView], int]:
    def value(circuit: CircuitView) -> int:
        found = read(circuit)
        return tenths(None if found is None else found[phase])

    return value


CIRCUIT: Final[tuple[Told, ...]] = (
    Told(0, "limit", "effective limit per phase", lambda circuit: tenths(circuit.limit_a)),
    Told(1, "rating", "rating per phase", lambda circuit: tenths(circuit.rating_a)),
    Told(2, "meter_state", "0 none, 1 fresh, 2 stale, 3 dead", lambda c: METERS.index(c.meter_state)),
    *(
        Told(at + phase, f"{name}_l{phase + 1}", f"{meaning}, L{phase + 1}", _phase(read, phase))
        for at, name, meaning, read in (
            (3, "metered", "as the meter reads, import positive", lambda c: c.metered_a),
            (6, "base", "what is not cars", lambda c: c.base_a),
            (9, "ev", "what cars draw", lambda c: c.ev_a),
            (12, "reserve", "set aside for what can't be steered", lambda c: c.reserve_a),
        )
        for phase in range(3)
    ),
)

HEADER: Final = (
    (0, "mark", "0x414D"),
    (1, "version", "of this map"),
    (2, "circuits", "how many circuits follow, in the order of the site's tree"),
    (3, "evses", "how many EVSEs the site has"),
    (4, "mode", "0 normal, 1 safe mode, 2 stopped"),
    (5, "counter", "counts seconds; one that stands still tells that we do"),
    (6, "overloaded", "1 while a meter reads above its limit"),
)

HELD_HEADER: Final = ((0, "heartbeat", "write another number at least each `watchdog_s`"),)
HELD: Final = (
    (0, "limit", "0.1 A per phase; 65535: no limit of yours"),
    (1, "fallback", "0.1 A per phase that hold when you stop counting; 65535: the node's `fallback_a`"),
)


def told_words(view: SiteView, seconds: float) -> dict[int, int]:
    """All input registers."""
    words = dict(
        enumerate(
            (
                MARK,
                VERSION,
                len(view.circuits),
                len(view.evses) & 0xFFFF,
                MODES.index(view.mode),
                int(seconds) & 0xFFFF,
                int(view.overloaded),
            )
        )
    )
    for k, circuit in enumerate(view.circuits):
        start = FIRST_CIRCUIT + CIRCUIT_STRIDE * k
        words.update({start + told.offset: told.value(circuit) for told in CIRCUIT})
    return words


def map_in_markdown() -> str:
    """The tables of docs/building-management.md."""
    lines = ["| input register | name | meaning |", "|---|---|---|"]
    lines += [f"| {at} | `{name}` | {meaning} |" for at, name, meaning in HEADER]
    first = f"{FIRST_CIRCUIT} + {CIRCUIT_STRIDE} k"
    lines += [f"| {first} + {told.offset} | `{told.name}` | {told.meaning} |" for told in CIRCUIT]
    lines += ["", "| holding register | name | meaning |", "|---|---|---|"]
    lines += [f"| {at} | `{name}` | {meaning} |" for at, name, meaning in HELD_HEADER]
    first = f"{FIRST_CIRCUIT} + {HELD_STRIDE} k"
    lines += [f"| {first} + {at} | `{name}` | {meaning} |" for at, name, meaning in HELD]
    return "\n".join(lines) + "\n"
