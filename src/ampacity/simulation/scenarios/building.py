"""From a scenario and a seed to the arrays of the batch world."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..batch.outcome import Scene
from ..batch.world import NO_FAULTS, NO_STORAGE, Cabinets, Evses, F, Faults, I, Rows, Storage, Visits, World
from ..electrical.breaker import CURVES
from ..equipment.cars import ChargerTable, car_arrays
from ..equipment.charging_curves import PRECONDITIONED_C, CurveTable
from ..equipment.stations import Cabinet, Reliability, ac_station, cabinets, dc_station, draw_faults
from ..equipment.storage import StorageSpec as Battery
from ..equipment.storage import storage
from .arrays import Tree, entries, neutral_voltage, slots_of, voltage_of
from .arriving import comings
from .coming import Coming, places_of
from .spec import Scenario
from .surroundings import Times, building_a, demand_price, series_of, times_of


def build(scenario: Scenario, seed: int, folder: Path | None = None) -> Scene:
    """The world of one seed: the same scenario and seed give the same arrays. `folder` is where the files
    are that the scenario names (default: here).

    Arrivals, building, air and faults have a stream of numbers each, so that a change of one leaves the
    others as they were.
    """
    folder = folder or Path.cwd()
    times = times_of(scenario.run)
    tree = Tree(scenario.supply, scenario.circuit, scenario.transformer)
    base, base_w = _base(scenario, tree, times, seed)
    streams = np.random.default_rng([seed, 11])
    air_rng, fault_rng = streams.spawn(2)
    series, air_c = series_of(scenario, times, air_rng, base_w, folder)
    coming = comings(scenario, places_of(scenario), times, air_c, seed, folder)
    curves, chargers = CurveTable(), ChargerTable()
    evses, names = _evses(scenario, tree)
    if scenario.sun is not None:
        shared = tree.shared(tree.index[scenario.sun.circuit])
        watts_a = tree.count * neutral_voltage(tree.supply)
        for row, phasor in shared.items():
            base[:, row] -= series.pv_w * phasor / watts_a
    world = World(
        step_s=times.step_s,
        steps=times.steps,
        evses=evses,
        rows=_rows(scenario, tree, times, base),
        visits=_visits(scenario, coming, times, air_c, curves, chargers),
        storage=_storage(scenario),
        cabinets=_cabinets(scenario),
        series=series,
        faults=_faults(scenario, times, fault_rng),
        curves=curves.array(),
        repair_s=60.0 * scenario.supply.repair_min,
        plug_s=scenario.supply.plug_s,
        chargers=chargers.array(),
    )
    return Scene(
        name=scenario.name,
        starts_at=times.starts_at,
        time_zone=scenario.run.time_zone,
        world=world,
        evses=names,
        rows=tuple(row.name for row in tree.rows),
        visits=tuple(one.name for one in coming),
        root_rows=tree.root_rows,
        demand_price=demand_price(scenario.prices, times, folder),
        demand_window_s=60.0 * scenario.prices.demand_window_min,
        unmet_price=scenario.prices.unmet,
        currency=scenario.prices.currency,
        chemistries=tuple(one.car.archetype.chemistry for one in coming),
        air_c=air_c,
    )


def _base(
    scenario: Scenario, tree: Tree, times: Times, seed: int
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.complex128]], F]:
    """What the buildings load: amperes on every row (T, rows) and watts (T)."""
    base = np.zeros((times.steps, len(tree.rows)), np.complex128)
    watts = np.zeros(times.steps)
    for number, load in enumerate(scenario.building):
        circuit = tree.index[load.circuit]
        amperes = building_a(load, tree, times, 1000 * seed + number)
        for conductor in range(tree.count):
            for row, phasor in tree.alone(circuit, conductor).items():
                base[:, row] += amperes[:, conductor] * phasor
        watts += amperes.sum(axis=1) * neutral_voltage(tree.supply)
    return base, watts


def _evses(scenario: Scenario, tree: Tree) -> tuple[Evses, tuple[str, ...]]:
    kind, volts = scenario.supply.kind, neutral_voltage(scenario.supply)
    cabinet_ids = [cabinet.id for cabinet in scenario.cabinet]
    pools = _pools(scenario)
    loads, names = [], []
    columns: dict[str, list[float]] = {name: [] for name in Evses._fields if not name.startswith("entry_")}
    for group in scenario.evse:
        dc = group.dc_kw is not None
        across = volts if (dc or group.phases == 3) and kind != "split" else voltage_of(scenario.supply)
        for k in range(group.count):
            first = (group.first - 1 + (k if group.rotate else 0)) % tree.count
            slots = slots_of(kind, 3 if dc else group.phases, first)
            loads.append([tree.load(tree.index[group.circuit], slot) for slot in slots])
            names.append(f"{group.id}-{k + 1}")
            station = (
                ac_station(len(slots), 32.0, voltage_v=across)
                if group.dc_kw is None
                else dc_station(1000.0 * group.dc_kw, voltage_v=across, slots=len(slots))
            )
            columns["min_a"].append(0.0 if dc else group.min_a)
            columns["max_a"].append(station.max_a if group.max_a is None else group.max_a)
            columns["step_a"].append(group.step_a)
            columns["volt_v"].append(across)
            columns["slots"].append(len(slots))
            columns["dc"].append(dc)
            columns["rating_w"].append(station.rating_w)
            columns["efficiency"].append(station.efficiency if group.efficiency is None else group.efficiency)
            by_load = 1.0 if group.efficiency is None else 0.0
            columns["fixed_w"].append(by_load * station.fixed_w)
            columns["linear"].append(by_load * station.linear)
            columns["ohm"].append(by_load * station.ohm)
            columns["standby_w"].append(station.standby_w if group.standby_w is None else group.standby_w)
            columns["safe_a"].append(group.safe_a)
            columns["priority"].append(group.priority)
            columns["weight"].append(group.weight)
            columns["cabinet"].append(-1 if group.cabinet is None else cabinet_ids.index(group.cabinet))
            columns["pool"].append(-1 if group.pool is None else pools.index(group.pool))
            columns["derates"].append(group.derates)
    table = entries(loads)
    whole, truth = {"slots", "priority", "cabinet", "pool"}, {"dc", "derates"}
    arrays = {
        name: np.array(values, np.int64 if name in whole else np.bool_ if name in truth else np.float64)
        for name, values in columns.items()
    }
    evses = Evses(
        **arrays,  # type: ignore[arg-type]
        entry_start=table.start,
        entry_row=table.row,
        entry_re=table.re,
        entry_im=table.im,
    )
    return evses, tuple(names)


def _pools(scenario: Scenario) -> list[str]:
    return list(dict.fromkeys(group.pool for group in scenario.evse if group.pool is not None))


def _rows(
    scenario: Scenario, tree: Tree, times: Times, base: np.ndarray[tuple[int, int], np.dtype[np.complex128]]
) -> Rows:
    count = len(tree.rows)
    limit_a = np.array([[row.limit_a for row in tree.rows]])
    if scenario.limit:
        limit_a = np.repeat(limit_a, times.steps, axis=0)
        for limit in scenario.limit:
            holds = times.between(limit.from_hour, limit.to_hour, limit.working_days) > 0.0
            for p in range(tree.count):
                at = tree.row_of[tree.index[limit.circuit], p]
                limit_a[holds, at] = np.minimum(limit_a[holds, at], limit.limit_a)
    storage_a = np.zeros(count, np.complex128)
    if scenario.storage is not None:
        watts_a = tree.count * neutral_voltage(tree.supply)
        for loaded, phasor in tree.shared(tree.index[scenario.storage.circuit]).items():
            storage_a[loaded] = phasor / watts_a
    rated_a, trip_heat = np.full(count, np.inf), np.full(count, np.inf)
    quick_s, slow_s, magnetic = np.ones(count), np.ones(count), np.full(count, np.inf)
    for number, row in enumerate(tree.rows):
        if row.circuit is None or row.conductor > 2:
            continue
        circuit = tree.circuits[row.circuit]
        if circuit.breaker is not None:
            curve = CURVES[circuit.breaker]
            rated_a[number] = circuit.breaker_a or circuit.rating_a
            trip_heat[number], magnetic[number] = curve.trip_heat, curve.magnetic
            quick_s[number], slow_s[number] = curve.quick_s, curve.slow_s
    steady = not scenario.building and scenario.sun is None
    base = base[:1] if steady else base
    return Rows(
        limit_a=limit_a,
        base_re=np.ascontiguousarray(base.real),
        base_im=np.ascontiguousarray(base.imag),
        storage_re=storage_a.real.copy(),
        storage_im=storage_a.imag.copy(),
        rated_a=rated_a,
        trip_heat=trip_heat,
        quick_s=quick_s,
        slow_s=slow_s,
        magnetic=magnetic,
    )


def _visits(
    scenario: Scenario,
    coming: Sequence[Coming],
    times: Times,
    air_c: F,
    curves: CurveTable,
    chargers: ChargerTable,
) -> Visits:
    count = len(coming)
    arrive_s = _floats(one.arrive_s for one in coming)
    # A car that stood in the air is as warm as the air; one that comes to a fast charger warmed itself up.
    at = np.minimum((arrive_s / times.step_s).astype(np.int64), times.steps - 1)
    dc = np.array([one.dc for one in coming], bool)
    usual_c = np.where(dc, np.maximum(air_c[at], PRECONDITIONED_C), air_c[at])
    own_c = _floats(one.battery_c for one in coming)
    pools = _pools(scenario)
    before, last = np.full(count, -1, np.int64), dict[str, int]()
    for v, one in enumerate(coming):
        if one.again:
            before[v] = last[one.chain]
        if one.chain:
            last[one.chain] = v
    return Visits(
        **car_arrays(
            [one.car for one in coming],
            curves,
            dc=dc,
            battery_c=np.where(np.isnan(own_c), usual_c, own_c),
            chargers=chargers,
        ),
        arrive_s=arrive_s,
        depart_s=_floats(one.depart_s for one in coming),
        evse=_wholes(one.evse for one in coming),
        pool=_wholes(-1 if one.pool is None else pools.index(one.pool) for one in coming),
        energy_wh=_floats(one.energy_wh for one in coming),
        declared_wh=_floats(one.declared_wh for one in coming),
        declared_depart_s=_floats(one.declared_depart_s for one in coming),
        stay_s=np.full(count, np.inf),
        leaves_done=np.array([one.leaves_done for one in coming], bool),
        soc_needed=_floats(one.soc_needed for one in coming),
        before=before,
        trip_wh=_floats(one.trip_wh for one in coming),
        priority=np.zeros(count, np.int64),
        weight=np.ones(count),
        balk_at=_wholes(one.balk_at for one in coming),
        patience_s=_floats(one.patience_s for one in coming),
        reserve_s=_floats(one.reserve_s for one in coming),
        reserve_until_s=_floats(one.reserve_until_s for one in coming),
    )


def _floats(values: Iterable[float | None]) -> F:
    """None is what nobody said: NaN."""
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _wholes(values: Iterable[int]) -> I:
    return np.array(list(values), np.int64)


def _storage(scenario: Scenario) -> Storage:
    spec = scenario.storage
    if spec is None:
        return NO_STORAGE
    return storage(
        Battery(
            capacity_wh=1000.0 * spec.kwh,
            power_w=1000.0 * spec.kw,
            round_trip=spec.round_trip,
            soc=spec.soc,
            soc_min=spec.soc_min,
            soc_max=spec.soc_max,
            standby_w=spec.standby_w,
        )
    )


def _cabinets(scenario: Scenario) -> Cabinets:
    return cabinets([Cabinet(one.modules, 1000.0 * one.module_kw) for one in scenario.cabinet])


def _faults(scenario: Scenario, times: Times, rng: np.random.Generator) -> Faults:
    if scenario.faults is None:
        return NO_FAULTS
    return draw_faults(
        rng,
        sum(group.count for group in scenario.evse),
        times.steps * times.step_s,
        Reliability(
            to_fault_s=3600.0 * scenario.faults.between_h, to_repair_s=3600.0 * scenario.faults.repair_h
        ),
    )
