"""Keys that nobody would obey are errors: a mistyped one must not weaken a case."""

from __future__ import annotations

import re
from dataclasses import fields

from ampacity.model.site import Site

from .document import CaseError, Json, name_of, not_known
from .plant import Car

NOTHING: Json = {
    "controller": True,
    "mode": "normal",
    "clock_jump_s": 0,
    "base_a": {},
    "meters": {},
    "limits": {},
    "signals": {},
    "temperatures": {},
    "devices": {},
    "cars": {},
}
"""A world in which nothing is told."""

PLANT = ("seed", "lag_s", "latency_s", "sample_s", "loss", "lease_s")
STATION = (
    *("told", "drawn_on", "refuses", "silent", "connected_for_s", "ahead_s"),
    *("phase_switch", "sleeps", "schedule"),
)
"""What a world tells of a car and its station besides the fields of `plant.Car`."""

_CAR = (*(field.name for field in fields(Car)), *STATION)
_SECOND = re.compile(r"\d+")


def check_world(case: Json, site: Site) -> None:
    """Raises `CaseError`."""
    if not isinstance(case.get("seconds"), int):
        raise CaseError("seconds is missing: say for how long the world goes on")
    for key in case.get("plant", {}):
        if key not in PLANT:
            raise CaseError(f"plant: {not_known(key, PLANT)}")
    named = {name_of(evse.key) for evse in site.evses}
    circuits = {circuit.circuit_id for circuit in site.circuits}
    things = {"cars": named, "base_a": circuits, "meters": circuits, "limits": circuits, "signals": circuits}
    for second, world in (("", case["world"]), *case.get("events", {}).items()):
        where = f"events: {second}" if second else "world"
        if second and not _SECOND.fullmatch(second):
            raise CaseError(f"events: {second!r} is no second: write a whole number from 0 up")
        for key in world:
            if key not in NOTHING:
                raise CaseError(f"{where}: {not_known(key, tuple(NOTHING))}")
        for part, known in things.items():
            for name in world.get(part) or ():
                if name not in known:
                    raise CaseError(f"{where}: {part}: {name} is not of the site: {', '.join(sorted(known))}")
        for name, car in (world.get("cars") or {}).items():
            for key in car or ():
                if key not in _CAR:
                    raise CaseError(f"{where}: cars: {name}: {not_known(key, _CAR)}")
