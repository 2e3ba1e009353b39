"""Random sites: trees of up to three levels with rotations, sockets on any phases, and what goes on at them.

Sizes come from Hypothesis, so that a failure shrinks to a small site; everything else comes from one drawn
seed, which is twenty times faster than a draw for each number.
"""

from __future__ import annotations

import random
from typing import Any, get_args

from hypothesis import strategies as st
from msgspec import structs

from ampacity.control.types import CircuitState, DeviceState, EvseState, Snapshot
from ampacity.model.devices import Device
from ampacity.model.live import Reason
from ampacity.model.phases import STRAIGHT
from ampacity.model.site import (
    Cabinet,
    Circuit,
    Evse,
    Fairness,
    KeepAlive,
    LimitSource,
    MeterConfig,
    SharingRules,
    Site,
    Supply,
)

EPOCH_S = 1_790_000_000.0
AT = 10_000.0

_ROTATIONS = ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (2, 1, 0))
_PHASES = ((0,), (1,), (2,), (0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 1))
PHASES_OF: dict[Supply, tuple[tuple[int, ...], ...]] = {
    "wye": _PHASES,
    "delta": ((0, 1), (1, 2), (2, 0), (1, 0), (0, 1, 2), (2, 0, 1)),
    "split": ((0,), (1,), (0, 1), (1, 0)),
}


@st.composite
def sites(draw: st.DrawFn, meters: bool = True, most_evses: int = 10, kinds: bool = False) -> Site:
    """A grid connection, up to two panels below it, up to two feeders below each, and EVSEs anywhere; with
    `kinds`, on any supply and with rows of every kind."""
    panels, feeders = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    evses = draw(st.integers(1, most_evses))
    r = random.Random(draw(st.integers(0, 2**32)))
    site = random_site(r, panels, feeders, evses, meters)
    return with_kinds(r, site) if kinds else site


def random_site(r: random.Random, panels: int, feeders: int, evse_count: int, meters: bool = True) -> Site:
    """The site of one generator."""
    circuits = [_circuit(r, "grid", None, r.randint(10, 250), meters)]
    for p in range(panels):
        circuits.append(_circuit(r, f"panel{p}", "grid", r.randint(6, 160), meters))
        circuits.extend(
            _circuit(r, f"feeder{p}{f}", f"panel{p}", r.randint(6, 100), meters) for f in range(feeders)
        )
    evses = [
        Evse(
            station_id=f"s{e}",
            evse_id=1,
            circuit_id=r.choice(circuits).circuit_id,
            phases=r.choice(_PHASES),
            max_a=float(r.randint(6, 40)),
            step_a=r.choice((0.1, 0.1, 1.0)),
            safe_a=r.choice((0.0, 0.0, 6.0)),
            priority=r.randint(0, 2),
            weight=r.choice((1.0, 1.0, 2.0, 0.5)),
        )
        for e in range(evse_count)
    ]
    return Site(
        site_id="site",
        operator_id="operator",
        name="site",
        time_zone="UTC",
        circuits=tuple(circuits),
        evses=tuple(evses),
        commissioned=r.random() < 0.7,
    )


def with_kinds(r: random.Random, site: Site) -> Site:
    """The site on any supply, its circuits limited in watts, volt-amperes, neutral and unbalance here and
    there, some EVSEs between lines, some DC on a shared cabinet."""
    supply: Supply = r.choice(("wye", "wye", "delta", "split"))
    lines = 2 if supply == "split" else 3
    circuits = []
    for circuit in site.circuits:
        most_w = lines * 230.0 * circuit.rating_a
        circuits.append(
            structs.replace(
                circuit,
                rotation=r.choice(((0, 1, 2), (1, 0, 2)))
                if supply == "split" and circuit.parent_id
                else circuit.rotation,
                rating_w=_maybe(r, 0.4, most_w * r.uniform(0.3, 1.1)),
                rating_va=_maybe(r, 0.2, most_w * r.uniform(0.3, 1.1)),
                neutral_a=None
                if supply == "delta"
                else _maybe(r, 0.3, circuit.rating_a * r.uniform(0.2, 1.0)),
                unbalance_a=_maybe(r, 0.3, r.uniform(8, 40)),
            )
        )
    cabinet = Cabinet(cabinet_id="hall", modules=r.randint(1, 5), module_w=r.choice((5_000.0, 10_000.0)))
    evses = []
    for evse in site.evses:
        wired = r.choice(PHASES_OF[supply])
        dc = supply != "split" and len(wired) == 3 and r.random() < 0.5
        evses.append(
            structs.replace(
                evse,
                phases=wired,
                line_to_line=len(wired) == 2 and r.random() < 0.5,
                dc_power_w=evse.max_a * 690.0 if dc else None,
                cabinet_id="hall" if dc else None,
            )
        )
    return structs.replace(
        site, supply=supply, circuits=tuple(circuits), evses=tuple(evses), cabinets=(cabinet,)
    )


def with_devices(r: random.Random, site: Site) -> Site:
    """The site with up to four batteries, inverters and heat loads anywhere, on any phases."""
    parents = {circuit.circuit_id: circuit for circuit in site.circuits}
    devices = []
    for number in range(r.randint(1, 4)):
        kind = r.choice(("battery", "battery", "inverter", "heat"))
        circuit = r.choice(site.circuits)
        phases = r.choice(PHASES_OF[site.supply])
        # What it can do fits into its wires, as an installer would see to; the law does the rest.
        weakest_a, at = circuit.rating_a, circuit
        while at.parent_id is not None:
            at = parents[at.parent_id]
            weakest_a = min(weakest_a, at.rating_a)
        most_w = weakest_a / 4 * 230.0 * len(phases) * r.uniform(0.2, 1.0)
        devices.append(
            Device(
                device_id=f"d{number}",
                kind=kind,
                circuit_id=circuit.circuit_id,
                phases=phases,
                draw_w=0.0 if kind == "inverter" else most_w,
                feed_w=0.0 if kind == "heat" else most_w,
                levels_w=(0.0, most_w / 2, most_w) if kind == "heat" else (),
                commanded=r.random() < 0.8,
                recharge_share=r.choice((0.5, 1.0)),
                yields=r.random() < 0.5,
            )
        )
    circuits = tuple(
        structs.replace(c, export_a=_maybe(r, 0.3, r.uniform(0.0, c.rating_a))) for c in site.circuits
    )
    return structs.replace(site, devices=tuple(devices), circuits=circuits)


def random_device(r: random.Random, device: Device) -> DeviceState | None:
    """Any standing: obeying, only read, silent, without a state of charge, never heard."""
    if r.random() < 0.1:
        return None
    power_w = r.uniform(-device.feed_w, device.draw_w)
    command_w = (
        power_w if device.kind == "battery" else device.draw_w if device.kind == "heat" else -device.feed_w
    )
    return DeviceState(
        device_id=device.device_id,
        online=r.random() < 0.9,
        steered=device.commanded and r.random() < 0.8,
        power_w=_maybe(r, 0.95, power_w),
        measured_at=AT - r.choice((0, 0, 0, 2, 30)),
        confirmed_w=_maybe(r, 0.9, command_w),
        inflight_w=_maybe(r, 0.1, r.uniform(-device.feed_w, device.draw_w))
        if device.kind == "battery"
        else None,
        soc_percent=r.choice((60.0, 60.0, 60.0, 5.0, 97.0, None, float("nan"), 300.0, -1.0)),
    )


def _circuit(r: random.Random, name: str, parent: str | None, rating_a: int, meters: bool) -> Circuit:
    meter = None
    if meters and r.random() < 0.6:
        meter = MeterConfig(protocol="push", interval_s=r.choice((1.0, 5.0, 10.0)))
    return Circuit(
        circuit_id=name,
        name=name,
        rating_a=float(rating_a),
        parent_id=parent,
        rotation=r.choice(_ROTATIONS) if parent else STRAIGHT,
        meter=meter,
        reserve_a=float(r.randint(0, rating_a // 2)),
    )


def random_evse(r: random.Random, evse: Evse) -> EvseState:
    """Any standing that a controller could report."""
    session = r.random() < 0.75
    committed = _maybe(r, 0.6, r.randint(0, 400) / 10) if session else None
    measured = _maybe(r, 0.7, r.randint(0, 400) / 10)
    return EvseState(
        key=evse.key,
        online=r.random() < 0.8,
        proven=r.random() < 0.85,
        session=session,
        wants=session and r.random() < 0.8,
        paused=r.random() < 0.15,
        slack_s=_maybe(r, 0.5, float(r.randint(0, 20_000))),
        measured_a=None if measured is None else (measured, measured, measured),
        measured_at=None if measured is None else AT - r.randint(0, 60),
        committed_a=committed,
        committed_at=None if committed is None else AT - 100.0,
        lease_until=_maybe(r, 0.8, AT + r.randint(-50, 300)),
        inflight_a=_maybe(r, 0.2, r.randint(0, 400) / 10) if session else None,
        doubt_a=_maybe(r, 0.1, r.randint(0, 400) / 10) if session else None,
        learned_max_a=_maybe(r, 0.2, r.randint(0, 400) / 10),
        ceiling_a=_maybe(r, 0.2, r.randint(0, 400) / 10),
        held=_maybe(r, 0.1, Reason(code="goal")),
        missing_wh=_maybe(r, 0.6, float(r.randint(0, 80_000))),
        session_at=_maybe(r, 0.8, AT - r.randint(0, 30_000)),
    )


def random_circuit(r: random.Random, circuit: Circuit) -> CircuitState:
    """Any reading of any age, and up to two people's limits."""
    metered = _maybe(r, 0.85, tuple(r.randint(-20, 1200) / 10 for _ in range(3)))
    return CircuitState(
        circuit_id=circuit.circuit_id,
        limits=tuple(
            LimitSource(
                limit_a=float(r.randint(0, 200)),
                source="person",
                valid_until=_maybe(r, 0.5, EPOCH_S + r.randint(-100, 100)),
                fallback_a=_maybe(r, 0.5, float(r.randint(0, 200))),
            )
            for _ in range(r.choice((0, 0, 1, 2)))
        ),
        metered_a=metered,
        metered_at=None if metered is None else AT - r.choice((0, 0, 1, 3, 8, 20, 60, 150)),
    )


def _with_power(r: random.Random, state: CircuitState) -> CircuitState:
    watts = LimitSource(source="dso", limit_w=float(r.randint(0, 90_000)))
    return structs.replace(
        state,
        metered_w=_maybe(r, 0.3, float(r.randint(0, 60_000))),
        limits=(*state.limits, watts) if r.random() < 0.3 else state.limits,
    )


@st.composite
def snapshots(draw: st.DrawFn, kinds: bool = False, devices: bool = False) -> Snapshot:
    """A site with everything that goes on there at `AT`; with `kinds`, with rows of every kind, cars on some
    of the phases and limits in watts; with `devices`, with batteries, inverters and heat loads."""
    site = draw(sites(kinds=kinds))
    r = random.Random(draw(st.integers(0, 2**32)))
    if devices:
        site = with_devices(r, site)
    rules = SharingRules(fairness=r.choice(get_args(Fairness)), keep_alive=r.choice(get_args(KeepAlive)))
    site = structs.replace(site, sharing=rules)
    circuits = {c.circuit_id: random_circuit(r, c) for c in site.circuits}
    evses = {e.key: random_evse(r, e) for e in site.evses}
    if kinds:
        circuits = {name: _with_power(r, c) for name, c in circuits.items()}
        evses = {
            e.key: structs.replace(
                evses[e.key],
                phases=_maybe(r, 0.5, tuple(r.sample(e.phases, r.randint(1, len(e.phases))))),
                in_watts=r.random() < 0.2,
            )
            for e in site.evses
        }
    return Snapshot(
        site=site,
        circuits=circuits,
        evses=evses,
        at=AT,
        epoch_s=EPOCH_S,
        devices={d.device_id: s for d in site.devices if (s := random_device(r, d)) is not None},
    )


def _maybe(r: random.Random, chance: float, value: Any) -> Any:
    return value if r.random() < chance else None
