"""A run as it was: what the metrics, the report and other people read."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from ..fleet import Chemistry
from .state import State, Trace
from .world import NO_NUMBERS, F, World


class Scene(Struct, frozen=True, kw_only=True):
    """A world with the names of its things, for people: `evses` (n), `rows` (r), `visits` (v), and the UTC
    moment of its first second. `root_rows` are the rows of the grid connection. `demand_price`: per kW of the
    highest `demand_window_s` mean of each calendar month, in `currency`; `unmet_price` per kWh that was asked
    for and not given. `chemistries`: of each visit's battery; none: all are NMC. `air_c`: degrees outside at
    each step, where they are known."""

    name: str
    starts_at: datetime
    time_zone: str
    world: World
    evses: tuple[str, ...]
    rows: tuple[str, ...]
    visits: tuple[str, ...]
    root_rows: tuple[int, ...]
    demand_price: float = 0.0
    demand_window_s: float = 900.0
    unmet_price: float = 1.0
    currency: str = "EUR"
    chemistries: tuple[Chemistry, ...] = ()
    air_c: F = NO_NUMBERS


class Run(Struct, frozen=True, kw_only=True):
    """What one strategy made of a scene. `wall_s` is how long that took."""

    scene: Scene
    strategy: str
    state: State
    trace: Trace
    wall_s: float
