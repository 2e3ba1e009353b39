"""The shipped kinds of site, by name: `workplace home public dc_hub depot`.

Workplace is fitted on real sessions, home and public on published distributions (the files beside this module
say on which, and how well). DC hub and depot are our assumptions: no open data of single sessions was at
hand. Whoever has sessions of the own site should fit those instead (`ampacity fit`).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import Final

from msgspec import structs

from .model import ArrivalModel
from .model_file import load_arrivals
from .stays import AssumedStays

ARCHETYPES: Final = ("workplace", "home", "public", "dc_hub", "depot")


class UnknownArchetype(ValueError):
    """A name that is none of `ARCHETYPES`."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"there is no kind of site {name!r}: {', '.join(ARCHETYPES)} are shipped")


@cache
def archetype(name: str) -> ArrivalModel:
    """The shipped model of that kind of site. Raises `UnknownArchetype`.

    The DC EVSEs of a workplace, a home or a public street are visited as a hub's are, four times a day each,
    which is an assumption.
    """
    match name:
        case "dc_hub":
            return DC_HUB
        case "depot":
            return DEPOT
        case "workplace" | "home" | "public":
            fitted = _shipped(name)
            quick = structs.replace(DC_HUB, sessions_per_evse=4.0, day_factors=fitted.day_factors)
            phases, max_a = _USUAL_EVSE[name]
            return structs.replace(fitted, dc=quick, evse_phases=phases, evse_max_a=max_a)
        case _:
            raise UnknownArchetype(name)


def _shipped(name: str) -> ArrivalModel:
    with as_file(files(__package__) / "fits" / f"{name}.toml") as path:
        return load_arrivals(path)


#: Phases and amperes a phase of the EVSEs that are made when only their number is given; assumed.
_USUAL_EVSE: Final = {"workplace": (3, 16.0), "home": (3, 16.0), "public": (3, 32.0)}

DC_HUB: Final = ArrivalModel(
    name="dc_hub",
    source="assumed: stops of a quarter to three quarters of an hour, through the day",
    sessions_per_evse=9.0,
    evse_dc_power_w=150_000.0,
    working=AssumedStays(
        hours=(0.5, 0.3, 0.2, 0.2, 0.4, 1, 3, 5, 6, 6, 6, 6.5, 7, 7, 7, 7, 7.5, 7.5, 7, 5.5, 4, 2.5, 1.5, 1),
        dwell_h=((0.0, 0.12), (0.1, 0.22), (0.5, 0.42), (0.9, 0.80), (1.0, 1.3)),
        energy_kwh=((0.0, 4.0), (0.1, 10.0), (0.5, 22.0), (0.9, 40.0), (1.0, 55.0)),
        together=0.7,
    ),
    off=AssumedStays(
        hours=(0.6, 0.4, 0.3, 0.2, 0.3, 0.5, 1, 2, 4, 6, 8, 9, 9, 8, 8, 8, 8, 8, 7, 5, 4, 3, 1.5, 1),
        dwell_h=((0.0, 0.12), (0.1, 0.22), (0.5, 0.42), (0.9, 0.80), (1.0, 1.3)),
        energy_kwh=((0.0, 4.0), (0.1, 10.0), (0.5, 22.0), (0.9, 40.0), (1.0, 55.0)),
        together=0.7,
    ),
)

DEPOT: Final = ArrivalModel(
    name="depot",
    source="assumed: delivery vans, back towards six in the evening, off towards seven in the morning",
    sessions_per_evse=1.0,
    day_factors=(1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.2),
    holiday_factor=0.2,
    dispersion=0.0,
    working=AssumedStays(
        hours=(0,) * 16 + (1, 5, 3, 1) + (0,) * 4,
        dwell_h=((0.0, -0.75), (0.5, 0.0), (1.0, 0.75)),
        energy_kwh=((0.0, 8.0), (0.2, 20.0), (0.5, 32.0), (0.8, 44.0), (1.0, 58.0)),
        together=0.0,
        until_hour=7.0,
    ),
)
