"""Energy in is energy out, what was lost and what is stored: the accounts of a run.

Every account is summed on its own from what the engine wrote down; `residual` says what does not add up.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from ampacity.simulation.batch.outcome import Run
from ampacity.simulation.batch.series import full_series

from .possible import start_soc


class Balance(Struct, frozen=True, kw_only=True):
    """Watt-hours over the whole run.

    `grid_wh` less `export_wh`, with `sun_wh`: what came in. `building_wh`, the losses and what is stored:
    where it went. `supply_wh` is at the supply of the EVSEs, `cars_wh` at their meters,
    `storage_wh` at its own.
    """

    grid_wh: float
    export_wh: float
    sun_wh: float
    building_wh: float
    supply_wh: float
    cars_wh: float
    storage_wh: float
    station_losses_wh: float
    car_losses_wh: float
    storage_losses_wh: float
    cars_stored_wh: float
    storage_stored_wh: float

    @property
    def at_the_grid_wh(self) -> float:
        """Import and sun, less export, building, EVSEs and storage: zero."""
        in_wh = self.grid_wh - self.export_wh + self.sun_wh
        return in_wh - self.building_wh - self.supply_wh - self.storage_wh

    @property
    def at_the_cars_wh(self) -> float:
        """What went through the meters of all EVSEs, less what is in the batteries and what chargers lost."""
        return self.cars_wh - self.cars_stored_wh - self.car_losses_wh

    @property
    def residual_wh(self) -> float:
        """Energy in less out, lost and stored, over the whole site: zero to rounding."""
        in_wh = self.grid_wh - self.export_wh + self.sun_wh - self.building_wh
        lost_wh = self.station_losses_wh + self.car_losses_wh + self.storage_losses_wh
        return in_wh - lost_wh - self.cars_stored_wh - self.storage_stored_wh


def balance(run: Run) -> Balance:
    """Add up the accounts of a run."""
    world, state, trace = run.scene.world, run.state, run.trace
    hours = world.step_s / 3600.0
    visits, storage = world.visits, world.storage
    series = full_series(world.series, world.steps)
    came_with = start_soc(world, state.soc)
    here = np.isfinite(state.plugged_s)
    stored = np.where(here, (state.soc - came_with) * visits.capacity_wh, 0.0)
    into, back = state.energy_wh, state.given_wh
    in_store = (float(state.store[0]) - storage.soc) * storage.capacity_wh
    through = float(trace.storage_w.sum()) * hours
    return Balance(
        grid_wh=float(np.maximum(trace.site_w, 0.0).sum()) * hours,
        export_wh=float(np.maximum(-trace.site_w, 0.0).sum()) * hours,
        sun_wh=float(series.pv_w.sum()) * hours,
        building_wh=float(series.base_w.sum()) * hours,
        supply_wh=float(trace.supply_w.sum()) * hours,
        cars_wh=float((into - back).sum()),
        storage_wh=through,
        station_losses_wh=float((trace.supply_w - trace.ev_w).sum()) * hours,
        car_losses_wh=float(state.lost_wh.sum()),
        storage_losses_wh=through - in_store,
        cars_stored_wh=float(stored.sum()),
        storage_stored_wh=in_store,
    )
