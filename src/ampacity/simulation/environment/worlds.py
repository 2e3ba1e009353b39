"""`Environment`: many worlds of one site, stepped together by setpoints from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from ..batch.episode import DEFAULT
from ..batch.outcome import Run, Scene
from ..batch.series import full_series
from ..batch.world import B, F, I
from ..equipment.ageing import cycle_price
from ..fleet import Chemistry
from ..metrics.possible import possible_wh
from .beside import Beside, joined_columns
from .kernel import step_all
from .seen import EVSE_COLUMNS, ROW_COLUMNS, SITE_COLUMNS, Rewards, Seen, Stepped


class NotBegunError(RuntimeError):
    """An environment was stepped before `reset`, or after its last step."""


class BadActionError(ValueError):
    """Setpoints of the wrong shape, or no numbers. The message says which."""


class Environment:
    """Worlds of one site, one for each seed, that take a step together.

    `make(seed)` gives the scene of a seed, as `lambda seed: build(scenario, seed)` does; all must have the
    same EVSEs, rows and steps. A world depends on its seed alone, not on the worlds beside it.
    `prices_ahead`: how many steps of prices are shown, this one included. `traces`: write every step down, so
    that `run` can be measured (memory: about 100 bytes a step and world).
    """

    def __init__(self, make: Callable[[int], Scene], *, prices_ahead: int = 1, traces: bool = False) -> None:
        if prices_ahead < 1:
            raise ValueError(
                f"prices_ahead is {prices_ahead!r}: this step's price is always shown, so 1 or more"
            )
        self._make, self._ahead, self._traces = make, prices_ahead, traces
        self._seeds: tuple[int, ...] = ()
        self._scenes: tuple[Scene, ...] = ()
        self._step = -1

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """The scenes of the last `reset`: names of EVSEs and rows, EVSEs as they were installed."""
        return self._scenes

    def reset(self, seeds: Sequence[int]) -> Seen:
        """Begin anew with a world for each seed. The same seeds again cost no building."""
        if not len(seeds):
            raise ValueError("no seeds: name at least one")
        if tuple(seeds) != self._seeds:
            self._seeds = ()
            self._scenes = tuple(self._make(int(seed)) for seed in seeds)
            self._beside = Beside([scene.world for scene in self._scenes], traces=self._traces)
            self._wanted_wh = joined_columns([_wanted_wh(scene) for scene in self._scenes])
            self._wear_per_wh = joined_columns([_wear_per_wh(scene) for scene in self._scenes])
            series = [full_series(scene.world.series, scene.world.steps) for scene in self._scenes]
            self._prices = tuple(
                np.array([getattr(each, name) for each in series]) for name in ("buy", "sell", "co2")
            )
            self._seeds = tuple(int(seed) for seed in seeds)
        else:
            self._beside.begin(traces=self._traces)
        self._counted: B = np.zeros(len(self._wanted_wh), np.bool_)
        self._began = time.perf_counter()
        count, ports = len(self._seeds), len(self._scenes[0].evses)
        return self._let_pass(-1, np.zeros((count, ports)), np.zeros(count))[0]

    def step(self, setpoint_a: F, storage_w: F | None = None) -> Stepped:
        """Let one step of every world pass.

        `setpoint_a` (w, n): amperes a slot, negative for giving back; put right as in docs/strategies.md.
        `storage_w` (w): the stationary battery, charging positive; none, or NaN: it keeps the sun's surplus.
        Raises BadActionError, and NotBegunError where no step is left.
        """
        if self._step < 0:
            raise NotBegunError("an environment begins with reset(seeds)")
        if self._step >= self._steps:
            raise NotBegunError(f"all {self._steps} steps are over: begin again with reset(seeds)")
        count = len(self._seeds)
        ports = len(self._scenes[0].evses)
        orders_a: F = np.array(setpoint_a, np.float64, order="C")
        if orders_a.shape != (count, ports):
            raise BadActionError(
                f"setpoint_a has the shape {orders_a.shape}: a line for each of {count} worlds with a "
                f"number for each of {ports} EVSEs is right"
            )
        if np.isnan(orders_a).any():
            world, evse = np.argwhere(np.isnan(orders_a))[0].tolist()
            raise BadActionError(f"setpoint_a of world {world}, EVSE {evse} is no number: give amperes")
        store_w: F = np.full(count, np.nan) if storage_w is None else np.array(storage_w, np.float64)
        if store_w.shape != (count,):
            raise BadActionError(f"storage_w has the shape {store_w.shape}: {count} numbers are right")
        seen, parts = self._let_pass(self._step, orders_a, store_w)
        rewards = Rewards(*(parts[:, k].copy() for k in range(5)))
        done: B = np.full(count, self._step == self._steps)
        return Stepped(seen, rewards, done, parts[:, 5].copy())

    def run(self, number: int) -> Run:
        """World `number` as a run, to be measured (`metrics.measure`); needs `traces`."""
        if not self._traces:
            raise NotBegunError("nothing was written down: make the environment with traces=True")
        state, trace = self._beside.result(number)
        return Run(
            scene=self._scenes[number], strategy="from outside", state=state, trace=trace,
            wall_s=time.perf_counter() - self._began,
        )  # fmt: skip

    @property
    def _steps(self) -> int:
        return self._scenes[0].world.steps

    def _let_pass(self, t: int, orders_a: F, store_w: F) -> tuple[Seen, F]:
        """Step `t` of all worlds (-1: only the first cars come); what is seen then, and the parts."""
        count, world, all_of = len(self._scenes), self._scenes[0].world, self._beside
        evses = np.zeros((count, len(world.evses.min_a), len(EVSE_COLUMNS)))
        rows = np.zeros((count, world.rows.limit_a.shape[1], len(ROW_COLUMNS)))
        site, parts = np.zeros((count, len(SITE_COLUMNS))), np.zeros((count, 6))
        step_all(
            all_of.site, all_of.site_at, all_of.live, all_of.live_at, all_of.log, all_of.log_at,
            t, t == world.steps - 1, DEFAULT, orders_a, store_w, self._wanted_wh, self._wear_per_wh,
            _STORE_PER_WH, self._counted, evses, rows, site, parts,
        )  # fmt: skip
        self._step = t + 1
        at: I = np.minimum(np.arange(t + 1, t + 1 + self._ahead), world.steps - 1)
        buy, sell, co2 = (price[:, at] for price in self._prices)
        return Seen(t + 1, evses, rows, site, buy, sell, co2), parts


_STORE_PER_WH: Final = cycle_price("LFP") * 2e-3


def _wanted_wh(scene: Scene) -> F:
    """What each visit could have had alone on the site."""
    world = scene.world
    return possible_wh(world, world.visits.soc)


def _wear_per_wh(scene: Scene) -> F:
    """What a Wh given back costs a car's battery: it goes out, and in again."""
    count = len(scene.world.visits.arrive_s)
    usual: Chemistry = "NMC"
    kinds = scene.chemistries or (usual,) * count
    price = {kind: cycle_price(kind) * 2e-3 for kind in set(kinds)}
    return np.array([price[kind] for kind in kinds], np.float64)
